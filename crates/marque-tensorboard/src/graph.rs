use std::collections::HashSet;

use crate::Error;
use crate::error::{check_distinct, check_name};
use crate::proto::Message;

/// One node of a graph, as TensorBoard draws it.
///
/// ```
/// use marque_tensorboard::{Attribute, GraphNode};
///
/// let node = GraphNode {
///     name: "layer1/conv1".to_owned(),
///     op: "Conv2d".to_owned(),
///     inputs: vec!["maxpool".to_owned()],
///     output_shape: Some(vec![-1, 64, 56, 56]),
///     attributes: vec![("stride".to_owned(), Attribute::Integers(vec![1, 1]))],
/// };
/// assert_eq!(node.inputs, ["maxpool"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphNode {
    /// ASCII letters, digits, `_`, `.` and `-`. TensorBoard draws nodes with the same parts before a `/` as one box, which
    /// opens at a double click; a node that has the name of such a box is drawn in it, with its last part in parentheses.
    pub name: String,
    /// What the node does; nodes can be found by it.
    pub op: String,
    /// The names of the nodes whose outputs it takes, in order.
    pub inputs: Vec<String>,
    /// The sizes of its output, shown along the edges from it; −1, for any size, as `?`. `None` shows nothing.
    pub output_shape: Option<Vec<i64>>,
    /// What else there is to know, listed when the node is chosen. TensorBoard leaves out those of over a kilobyte.
    pub attributes: Vec<(String, Attribute)>,
}

/// The value of a node's attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Whole numbers, such as the two sides of a kernel.
    Integers(Vec<i64>),
    /// A number, kept in single precision.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
}

/// A `GraphDef`.
pub(crate) fn message(nodes: &[GraphNode]) -> Result<Message, Error> {
    check(nodes)?;
    let definition = nodes.iter().fold(Message::new(), |definition, node| {
        definition.message(1, &node.message())
    });
    Ok(definition)
}

fn check(nodes: &[GraphNode]) -> Result<(), Error> {
    if nodes.is_empty() {
        return Err(Error::EmptyGraph);
    }
    let mut names = HashSet::new();
    for node in nodes {
        let name = node.name.clone();
        if !is_node_name(&name) {
            return Err(Error::NodeName { name });
        }
        if !names.insert(node.name.as_str()) {
            return Err(Error::DuplicateNode { name });
        }
    }
    nodes.iter().try_for_each(|node| node.check(&names))
}

/// TensorFlow's rule, less what TensorBoard takes for an output's number (`:`), a control input (`^`) or a box without a name.
fn is_node_name(name: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    !name.starts_with(['_', '-'])
        && name
            .split('/')
            .all(|part| !part.is_empty() && part.chars().all(is_plain))
}

impl GraphNode {
    fn check(&self, names: &HashSet<&str>) -> Result<(), Error> {
        let node = || self.name.clone();
        if let Some(input) = self.inputs.iter().find(|input| !names.contains(input.as_str())) {
            let input = input.clone();
            return Err(Error::UnknownInput { node: node(), input });
        }
        if let Some(&found) = self.output_shape.iter().flatten().find(|&&size| size < -1) {
            return Err(Error::OutputSize { node: node(), found });
        }
        for (name, _) in &self.attributes {
            check_name("an attribute of a node", name)?;
        }
        let own = self.output_shape.iter().map(|_| OUTPUT_SHAPES);
        check_distinct(self.attributes.iter().map(|(name, _)| name.as_str()).chain(own))
    }

    /// A `NodeDef`.
    fn message(&self) -> Message {
        let mut message = Message::new().text(1, &self.name).text(2, &self.op);
        for input in &self.inputs {
            message = message.text(3, input);
        }
        for (name, value) in &self.attributes {
            message = with_attribute(message, name, &value.message());
        }
        if let Some(shape) = &self.output_shape {
            message = with_attribute(message, OUTPUT_SHAPES, &shapes(shape));
        }
        message
    }
}

/// The attribute in which TensorBoard looks for the shapes of a node's outputs.
const OUTPUT_SHAPES: &str = "_output_shapes";

fn with_attribute(node: Message, name: &str, value: &Message) -> Message {
    node.message(5, &Message::new().text(1, name).message(2, value))
}

/// An attribute with a list of one shape.
fn shapes(shape: &[i64]) -> Message {
    let shape = shape.iter().fold(Message::new(), |shape, &size| {
        shape.message(2, &Message::new().integer(1, size))
    });
    Message::new().message(1, &Message::new().message(7, &shape))
}

impl Attribute {
    /// An `AttrValue`.
    fn message(&self) -> Message {
        match self {
            Self::Text(text) => Message::new().text(2, text),
            Self::Integer(integer) => Message::new().integer(3, *integer),
            Self::Integers(integers) => Message::new().message(1, &Message::new().integers(3, integers)),
            Self::Number(number) => Message::new().float(4, *number as f32),
            Self::Boolean(yes) => Message::new().integer(5, (*yes).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> GraphNode {
        GraphNode {
            name: name.to_owned(),
            ..GraphNode::default()
        }
    }

    fn error(nodes: &[GraphNode]) -> String {
        message(nodes).err().unwrap().to_string()
    }

    #[test]
    fn names_that_tensorboard_would_misread_are_refused() {
        assert!(message(&[named("layer1.0/conv-1_a")]).is_ok());
        for name in ["", "a:0", "^a", "a//b", "/a", "a/", "a b", "_a", "ä"] {
            assert!(
                error(&[named(name)]).contains("cannot be the name of a node"),
                "{name}"
            );
        }
        assert_eq!(
            error(&[named("a"), named("a")]),
            "the graph has more than one node \"a\""
        );
        assert_eq!(error(&[]), "expected a graph with at least one node, found none");
    }

    #[test]
    fn inputs_shapes_and_attributes_are_checked() {
        let mut node = named("a");
        node.inputs = vec!["b".to_owned()];
        assert_eq!(
            error(&[node.clone()]),
            "the node \"a\" takes the output of \"b\", which is not in the graph"
        );
        node.output_shape = Some(vec![-1, -2]);
        assert_eq!(
            error(&[node.clone(), named("b")]),
            "an output size of the node \"a\" is -2: expected 0 or more, or -1 for any"
        );
        node.output_shape = Some(vec![1]);
        node.attributes = vec![("_output_shapes".to_owned(), Attribute::Integer(1))];
        assert_eq!(
            error(&[node.clone(), named("b")]),
            "the name \"_output_shapes\" occurs more than once in one list"
        );
        node.attributes = vec![(" ".to_owned(), Attribute::Boolean(true))];
        assert!(error(&[node, named("b")]).starts_with("an attribute of a node has no name"));
    }
}
