//! Which nodes belong together: blocks between places that everything passes through.

use crate::op::Drawn;
use crate::{Graph, Node};

/// Neighbouring nodes of one part of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Positions in the graph, ascending.
    pub nodes: Vec<usize>,
    /// What their names begin with, `layer1.0`; empty where they have nothing in common.
    pub path: String,
    /// What they are.
    pub role: Role,
}

/// What a [`Group`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// One step after the other.
    Layers,
    /// A block on the way to the output.
    Block,
    /// Nodes on the way to an auxiliary output alone.
    Auxiliary,
    /// Nodes that no output depends on.
    Unused,
}

/// A run of nodes that is left only through its last one: a single node, or branches up to where they join.
struct Segment<'a> {
    nodes: Vec<usize>,
    path: &'a str,
}

impl Segment<'_> {
    fn branches(&self) -> bool {
        self.nodes.len() > 1
    }
}

/// All nodes but the input, in groups: first those on the way to the output in order, then the rest.
pub(crate) fn groups(graph: &Graph) -> Vec<Group> {
    let main = graph.ancestors([graph.output()]);
    let mut groups: Vec<Group> = Vec::new();
    for segment in segments(graph, &main) {
        match groups.last_mut() {
            Some(group) if belongs(&segment, group) => {
                if segment.branches() {
                    group.role = Role::Block;
                }
                group.nodes.extend(segment.nodes);
            }
            _ => groups.push(Group {
                role: if segment.branches() {
                    Role::Block
                } else {
                    Role::Layers
                },
                path: segment.path.to_owned(),
                nodes: segment.nodes,
            }),
        }
    }
    let mut merged: Vec<Group> = Vec::new();
    for mut group in groups {
        if is_chain_block(graph, &group) {
            group.role = Role::Block;
        }
        match merged.last_mut() {
            Some(last) if last.role == Role::Layers && group.role == Role::Layers => {
                last.nodes.extend(group.nodes);
                last.path.clear();
            }
            _ => merged.push(group),
        }
    }
    merged.extend(side_groups(graph, &main));
    merged
}

/// Cuts the way to the output at every node that all of it passes.
fn segments<'a>(graph: &'a Graph, main: &[bool]) -> Vec<Segment<'a>> {
    let nodes = graph.nodes();
    let passed = graph.passed_by_all(&[graph.output()]);
    let (mut segments, mut open) = (Vec::new(), Vec::new());
    // The input belongs to no segment.
    for index in (1..nodes.len()).filter(|&index| main[index]) {
        open.push(index);
        if passed[index] {
            let members = std::mem::take(&mut open);
            let path = match members[..] {
                [only] => parent(&nodes[only].name),
                _ => common_path(members.iter().map(|&member| &nodes[member])),
            };
            segments.push(Segment { nodes: members, path });
        }
    }
    segments
}

/// Whether a segment goes on with the block of which `group` is the beginning.
fn belongs(segment: &Segment<'_>, group: &Group) -> bool {
    if group.path.is_empty() {
        return false;
    }
    match (group.role, segment.branches()) {
        (Role::Layers, _) => segment.path == group.path,
        // Two forks of one path are two blocks.
        (_, true) => false,
        (_, false) => {
            let rest = segment.path.strip_prefix(&group.path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
    }
}

/// Steps one after the other make a block where their path has two parts or more, as in `layer1.0.conv1`, and there is
/// more than one layer: `features.0` and `fc.weight` do not.
fn is_chain_block(graph: &Graph, group: &Group) -> bool {
    let layers = group.nodes.iter().filter(|&&index| {
        let op = &graph.nodes()[index].op;
        op.window().is_some() || op.drawn() == Drawn::Weights
    });
    group.role == Role::Layers && group.path.contains('.') && layers.count() > 1
}

/// What hangs beside the way to the output: every node with what it reads from beside it, too.
fn side_groups(graph: &Graph, main: &[bool]) -> Vec<Group> {
    let auxiliary = graph.ancestors(graph.auxiliary_outputs().iter().map(|end| end.node));
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of = vec![None; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate().skip(1) {
        if main[index] {
            continue;
        }
        let role = if auxiliary[index] {
            Role::Auxiliary
        } else {
            Role::Unused
        };
        let before = node.inputs.iter().find_map(|input| group_of[input.index()]);
        let group = before.filter(|&group: &usize| groups[group].role == role);
        let group = group.unwrap_or_else(|| {
            groups.push(Group {
                nodes: Vec::new(),
                path: String::new(),
                role,
            });
            groups.len() - 1
        });
        group_of[index] = Some(group);
        groups[group].nodes.push(index);
    }
    for group in &mut groups {
        group.path = common_path(group.nodes.iter().map(|&index| &graph.nodes()[index])).to_owned();
    }
    groups
}

/// `layer1.0` of `layer1.0.conv1`.
pub(crate) fn parent(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// The longest path that all names lie in.
fn common_path<'a>(mut nodes: impl Iterator<Item = &'a Node>) -> &'a str {
    let mut path = nodes.next().map_or("", |node| parent(&node.name));
    for node in nodes {
        let lies_in = |path: &str| {
            let rest = node.name.strip_prefix(path);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        while !path.is_empty() && !lies_in(path) {
            path = parent(path);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArchitectureOptions, Conv2d, GraphBuilder, architecture};

    fn blocks(name: &str) -> Vec<String> {
        let graph = architecture(name, ArchitectureOptions::default()).unwrap();
        let groups = groups(&graph);
        let mut found: Vec<usize> = groups.iter().flat_map(|group| group.nodes.clone()).collect();
        found.sort_unstable();
        assert!(
            found.into_iter().eq(1..graph.nodes().len()),
            "{name}: each node once"
        );
        groups
            .into_iter()
            .filter(|group| group.role != Role::Layers)
            .map(|group| group.path)
            .collect()
    }

    #[test]
    fn blocks_are_found_by_where_branches_join_and_by_their_paths() {
        for name in [
            "resnet34",
            "plain34",
            "resnet34-subject",
            "resnet34-a",
            "resnet50",
        ] {
            let found = blocks(name);
            assert_eq!(found.len(), 16, "{name}: {found:?}");
            assert_eq!(found[3], "layer2.0");
        }
        let dense = blocks("densenet121");
        assert_eq!(dense.len(), 6 + 12 + 24 + 16 + 3);
        assert_eq!(dense[6], "features.transition1");
        assert_eq!(blocks("xception")[11], "block12");
        assert_eq!(blocks("googlenet-aux")[9..], ["aux1", "aux2"]);
        assert_eq!(blocks("inception_v3").len(), 11);
        assert!(blocks("vgg19_bn").is_empty());
    }

    #[test]
    fn names_without_paths_are_no_hindrance() {
        let mut builder = GraphBuilder::new("net", 3).unwrap();
        let first = builder
            .conv2d("a", builder.input(), Conv2d::new(3, 8, 1))
            .unwrap();
        let side = builder.relu("b", first).unwrap();
        let sum = builder.sum("c", first, side).unwrap();
        let unused = builder.relu("d", first).unwrap();
        builder.relu("e", unused).unwrap();
        let found = groups(&builder.build(sum).unwrap());
        let roles: Vec<(Role, usize)> = found
            .iter()
            .map(|group| (group.role, group.nodes.len()))
            .collect();
        assert_eq!(roles, [(Role::Layers, 1), (Role::Block, 2), (Role::Unused, 2)]);
    }
}
