//! The order of layers where nothing lists it.

use super::LayerOrder;
use super::names::{natural, numbered};
use marque_hdf5::{Group, Member, Object};
use std::collections::{BTreeMap, VecDeque};

/// The group of a layer, and what its parent says about it.
type Entry<'n, 'a> = (Member<'n>, Group<'a>);

/// Puts the groups of a model's layers into the order of the model, as well as it can be known. Keras numbers the
/// layers of a class, so their order is sure. Between classes, Keras writes one layer after the other, and HDF5
/// puts what is written behind what is there, except for small things that fit into a gap: so the places of the
/// layers' largest tensors tell. Groups without tensors come last.
pub(super) fn restore<'n, 'a>(
    groups: Vec<Entry<'n, 'a>>,
) -> Result<(Vec<Entry<'n, 'a>>, LayerOrder), marque_hdf5::Error> {
    // Keras does not ask HDF5 to count, but whoever copies a file may.
    if groups.iter().all(|(member, _)| member.order.is_some()) {
        let mut groups = groups;
        groups.sort_by_key(|(member, _)| member.order);
        return Ok((groups, LayerOrder::Listed));
    }
    let mut placed = Vec::new();
    for (member, group) in groups {
        let largest = largest_tensor(&group)?;
        placed.push((member, group, largest.map(|(_, address)| address)));
    }
    placed.sort_by(|(a, ..), (b, ..)| natural(a.name, b.name));
    let (placed, empty): (Vec<_>, Vec<_>) = placed.into_iter().partition(|(_, _, address)| address.is_some());
    let mut classes: BTreeMap<&str, Queue<'_, '_>> = BTreeMap::new();
    for entry in placed {
        classes
            .entry(numbered(entry.0.name).0)
            .or_default()
            .push_back(entry);
    }
    let (mut ordered, order) = merge(classes);
    ordered.extend(empty.into_iter().map(|(member, group, _)| (member, group)));
    // One group alone is in order.
    let order = if ordered.len() < 2 {
        LayerOrder::Listed
    } else {
        order
    };
    Ok((ordered, order))
}

/// A class's layers in their order, each with the address of its largest tensor.
type Queue<'n, 'a> = VecDeque<(Member<'n>, Group<'a>, Option<u64>)>;

/// Takes, from the heads of all classes, the one that was written first.
fn merge<'n, 'a>(mut classes: BTreeMap<&str, Queue<'n, 'a>>) -> (Vec<Entry<'n, 'a>>, LayerOrder) {
    let mut ordered = Vec::new();
    let mut order = LayerOrder::Written;
    let mut last = None;
    loop {
        let heads = classes.values_mut().filter(|class| !class.is_empty());
        let first = heads.min_by_key(|class| class.front().and_then(|&(.., address)| address));
        let Some((member, group, address)) = first.and_then(VecDeque::pop_front) else {
            return (ordered, order);
        };
        if address < last {
            order = LayerOrder::ByName;
        }
        last = address;
        ordered.push((member, group));
    }
}

/// How many numbers the largest tensor under a group has, and where it is.
fn largest_tensor(group: &Group<'_>) -> Result<Option<(usize, u64)>, marque_hdf5::Error> {
    let mut largest = None;
    for member in group.members() {
        let found = match group.member(member.name)? {
            Object::Group(inner) => largest_tensor(&inner)?,
            Object::Dataset(dataset) => {
                let count = dataset
                    .shape()
                    .iter()
                    .fold(1_usize, |count, &extent| count.saturating_mul(extent));
                dataset.begins_at().map(|address| (count, address))
            }
        };
        // Of equals the first one that was written.
        let rank =
            |candidate: Option<(usize, u64)>| candidate.map(|(count, at)| (count, std::cmp::Reverse(at)));
        if rank(found) > rank(largest) {
            largest = found;
        }
    }
    Ok(largest)
}
