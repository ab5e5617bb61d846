//! What the nodes of a graph are called after those of a file.

use crate::model::Node;
use std::collections::{HashMap, HashSet};

/// Longer names are cut off.
const MOST_CHARS: usize = 200;

/// The module that a stored weight belongs to: `layer1.0.conv1` of `layer1.0.conv1.weight`.
pub(super) fn weight_owner(name: &str) -> Option<&str> {
    let owner = name.strip_suffix(".weight")?;
    (!owner.is_empty()).then_some(owner)
}

/// What a node is called. PyTorch's names are paths, whose last part is the operator and whose other parts may begin with the one
/// before: `/layer1/layer1.0/conv1/Conv` is `layer1.0.conv1`. Those of TensorFlow are paths, too.
pub(super) fn node_name(node: &Node<'_>) -> String {
    let name = match node.name.is_empty() {
        true => node.op_type,
        false => node.name,
    };
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
    let is_path = name.contains('/');
    let modules = match parts.split_last() {
        Some((last, modules)) if is_path && !modules.is_empty() && last.starts_with(node.op_type) => modules,
        _ => &parts[..],
    };
    let mut path: Vec<&str> = Vec::new();
    for module in modules {
        let outer = path.last().map(|outer| format!("{outer}."));
        if outer.is_some_and(|outer| module.starts_with(&outer)) {
            path.pop();
        }
        path.push(module);
    }
    path.join(".")
}

/// Names that are all different.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
    /// The number that is tried next behind a name.
    next: HashMap<String, usize>,
}

impl Names {
    /// This name, or one that begins with it and is not taken.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let name: String = name
            .chars()
            .filter(|character| !character.is_control())
            .take(MOST_CHARS)
            .collect();
        let name = match name.is_empty() {
            true => "node".to_owned(),
            false => name,
        };
        if self.taken.insert(name.clone()) {
            return name;
        }
        let number = self.next.entry(name.clone()).or_insert(2);
        loop {
            let free = format!("{name}_{number}");
            *number += 1;
            if self.taken.insert(free.clone()) {
                return free;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(name: &'static str, op_type: &'static str) -> String {
        node_name(&Node {
            name,
            op_type,
            ..Node::default()
        })
    }

    #[test]
    fn paths_become_names_of_modules() {
        assert_eq!(called("/layer1/layer1.0/conv1/Conv", "Conv"), "layer1.0.conv1");
        assert_eq!(
            called("/features/features.0/features.0.2/Relu", "Relu"),
            "features.0.2"
        );
        assert_eq!(called("/Flatten", "Flatten"), "Flatten");
        assert_eq!(called("layer1.0.relu", "Relu"), "layer1.0.relu");
        assert_eq!(called("model/conv1_conv/Conv2D", "Conv"), "model.conv1_conv");
        assert_eq!(called("", "Gemm"), "Gemm");
        assert_eq!(weight_owner("fc.weight"), Some("fc"));
        assert_eq!(weight_owner(".weight"), None);
        assert_eq!(weight_owner("onnx::Conv_193"), None);
    }

    #[test]
    fn names_are_made_unique_and_harmless() {
        let mut names = Names::default();
        assert_eq!(names.unique("relu"), "relu");
        assert_eq!(names.unique("relu"), "relu_2");
        assert_eq!(names.unique("relu_2"), "relu_2_2");
        assert_eq!(names.unique("re\u{1b}[2Jlu"), "re[2Jlu");
        assert_eq!(names.unique("\n"), "node");
        assert_eq!(names.unique(&"a".repeat(1000)).len(), MOST_CHARS);
    }
}
