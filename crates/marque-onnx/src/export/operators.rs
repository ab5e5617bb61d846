//! What ONNX calls each operation.

use super::nodes::{
    Exporter, Order, Output, float_attribute, integer_attribute, integers_attribute, text_attribute,
};
use crate::Error;
use crate::proto::Message;
use marque_arch::{BatchNorm2d, Conv2d, ImageSize, LayerNorm2d, Linear, NodeId, Op, Padding, Shape, Window};

/// A node that is being written.
struct Site {
    index: usize,
    name: String,
    inputs: Vec<NodeId>,
    /// Whether its output is the network's.
    is_end: bool,
}

impl Exporter<'_> {
    /// Adds what computes a node, and says what stands for its output.
    pub(super) fn node(&mut self, index: usize, op: &Op, is_end: bool) -> Result<Output, Error> {
        let node = &self.graph.nodes()[index];
        let site = Site {
            index,
            name: node.name.clone(),
            inputs: node.inputs.clone(),
            is_end,
        };
        let input = site.inputs.first().copied().unwrap_or(self.graph.input());
        Ok(match op {
            Op::Input { .. } | Op::Dropout { .. } | Op::StochasticDepth { .. } => self.value(input),
            Op::Conv2d(conv) => self.conv(&site, conv)?,
            Op::BatchNorm2d(norm) => self.batch_norm(&site, norm),
            Op::LayerNorm2d(norm) => self.layer_norm(&site, norm),
            Op::LayerScale(scale) => {
                // Of maps, C×1×1; of vectors, C.
                let shape = match self.value(input).is_vector {
                    true => vec![scale.channels],
                    false => vec![scale.channels, 1, 1],
                };
                let factors = self.parameter(site.name.clone(), &shape);
                let value = self.planar(input);
                self.maps(&site, "Mul", &[&value, &factors], &[])
            }
            Op::Relu => self.unary(&site, "Relu", &[]),
            Op::Sigmoid => self.unary(&site, "Sigmoid", &[]),
            Op::HardSwish => self.unary(&site, "HardSwish", &[]),
            Op::HardSigmoid => {
                let attributes = [float_attribute("alpha", 1.0 / 6.0), float_attribute("beta", 0.5)];
                self.unary(&site, "HardSigmoid", &attributes)
            }
            Op::Relu6 => {
                let (zero, six) = (self.scalar(0.0), self.scalar(6.0));
                let order = self.order_of(input);
                let value = self.in_order(input, order);
                self.elementwise(&site, "Clip", &[&value, &zero, &six], order)
            }
            Op::Silu => {
                let order = self.order_of(input);
                let value = self.in_order(input, order);
                let gate = self.add(&format!("{}/sigmoid", site.name), "Sigmoid", &[&value], &[]);
                self.elementwise(&site, "Mul", &[&value, &gate], order)
            }
            Op::Gelu => self.gelu(&site),
            Op::MaxPool2d(pool) => {
                let window = pool.window();
                let mut attributes = self.window_attributes(&site, window, 1)?;
                attributes.push(kernel_attribute(window.extent));
                attributes.push(integer_attribute("ceil_mode", pool.ceil_mode.into()));
                self.on_maps(&site, "MaxPool", &attributes)
            }
            Op::AvgPool2d(pool) => {
                let window = pool.window();
                let mut attributes = self.window_attributes(&site, window, 1)?;
                attributes.push(kernel_attribute(window.extent));
                attributes.push(integer_attribute("count_include_pad", 1));
                self.on_maps(&site, "AveragePool", &attributes)
            }
            Op::GlobalAvgPool2d => self.on_maps(&site, "GlobalAveragePool", &[]),
            Op::AdaptiveAvgPool2d(cells) => self.adaptive(&site, *cells)?,
            Op::Add => {
                let op_type = match site.inputs.len() {
                    2 => "Add",
                    _ => "Sum",
                };
                self.join(&site, op_type, &[])
            }
            Op::Multiply => self.join(&site, "Mul", &[]),
            Op::Concat => self.join(&site, "Concat", &[integer_attribute("axis", 1)]),
            Op::Subsample { stride } => {
                let attributes = [kernel_attribute(ImageSize::square(1)), strides_attribute(*stride)];
                self.on_maps(&site, "MaxPool", &attributes)
            }
            Op::PadChannels { channels } => {
                let pads = [0, 0, 0, 0, 0, *channels as i64, 0, 0];
                let pads = self.integers(&format!("{}/pads", site.name), &pads);
                let value = self.planar(input);
                self.maps(&site, "Pad", &[&value, &pads], &[])
            }
            Op::Flatten if self.value(input).is_vector => self.value(input),
            Op::Flatten => {
                let value = self.planar(input);
                let axis = [integer_attribute("axis", 1)];
                self.emit(&site, ("Flatten", Order::Planar), &[&value], &axis)
                    .into_vector()
            }
            Op::Linear(linear) => self.linear(&site, linear),
        })
    }

    /// Adds the node itself, after those that it needs, with its output in this order. The network's own output has channels first
    /// and is turned where it comes otherwise.
    fn emit(
        &mut self,
        site: &Site,
        (op_type, order): (&str, Order),
        inputs: &[&str],
        attributes: &[Message],
    ) -> Output {
        let name = match site.is_end && order == Order::Planar {
            true => self.add_last(&site.name, op_type, inputs, attributes),
            false => self.add(&site.name, op_type, inputs, attributes),
        };
        let is_vector = self.value(site.inputs[0]).is_vector;
        Output::in_order(name, order, is_vector)
    }

    /// A node whose output is what its first input is: maps with their channels first, or a vector.
    fn maps(&mut self, site: &Site, op_type: &str, inputs: &[&str], attributes: &[Message]) -> Output {
        self.emit(site, (op_type, Order::Planar), inputs, attributes)
    }

    /// A node with one input, maps with their channels first.
    fn on_maps(&mut self, site: &Site, op_type: &str, attributes: &[Message]) -> Output {
        let value = self.planar(site.inputs[0]);
        self.maps(site, op_type, &[&value], attributes)
    }

    /// A node that all maps or vectors come together in.
    fn join(&mut self, site: &Site, op_type: &str, attributes: &[Message]) -> Output {
        let values: Vec<String> = site.inputs.iter().map(|&input| self.planar(input)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        self.maps(site, op_type, &values, attributes)
    }

    /// A node that changes values one by one, in whichever order they lie.
    fn elementwise(&mut self, site: &Site, op_type: &str, inputs: &[&str], order: Order) -> Output {
        self.emit(site, (op_type, order), inputs, &[])
    }

    fn unary(&mut self, site: &Site, op_type: &str, attributes: &[Message]) -> Output {
        let order = self.order_of(site.inputs[0]);
        let value = self.in_order(site.inputs[0], order);
        self.emit(site, (op_type, order), &[&value], attributes)
    }

    /// x · Φ(x), Φ(x) = (1 + erf(x / √2)) / 2.
    fn gelu(&mut self, site: &Site) -> Output {
        let order = self.order_of(site.inputs[0]);
        let value = self.in_order(site.inputs[0], order);
        let (root, one, half) = (
            self.scalar(std::f32::consts::SQRT_2),
            self.scalar(1.0),
            self.scalar(0.5),
        );
        let part = |step: &str| format!("{}/{step}", site.name);
        let scaled = self.add(&part("scaled"), "Div", &[&value, &root], &[]);
        let error = self.add(&part("erf"), "Erf", &[&scaled], &[]);
        let shifted = self.add(&part("shifted"), "Add", &[&error, &one], &[]);
        let halved = self.add(&part("halved"), "Mul", &[&value, &half], &[]);
        self.elementwise(site, "Mul", &[&halved, &shifted], order)
    }

    fn conv(&mut self, site: &Site, conv: &Conv2d) -> Result<Output, Error> {
        let kernel = conv.kernel_size;
        let shape = [
            conv.out_channels,
            conv.in_channels / conv.groups.max(1),
            kernel.height,
            kernel.width,
        ];
        let mut inputs = vec![
            self.planar(site.inputs[0]),
            self.parameter(format!("{}.weight", site.name), &shape),
        ];
        if conv.bias.is_some() {
            inputs.push(self.parameter(format!("{}.bias", site.name), &[conv.out_channels]));
        }
        let mut attributes = self.window_attributes(site, conv.window(), conv.dilation)?;
        attributes.push(kernel_attribute(kernel));
        let dilation = conv.dilation as i64;
        attributes.push(integers_attribute("dilations", &[dilation, dilation]));
        attributes.push(integer_attribute("group", conv.groups as i64));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        Ok(self.maps(site, "Conv", &inputs, &attributes))
    }

    fn batch_norm(&mut self, site: &Site, norm: &BatchNorm2d) -> Output {
        let value = self.planar(site.inputs[0]);
        let mut inputs = vec![value];
        for suffix in ["weight", "bias", "running_mean", "running_var"] {
            inputs.push(self.parameter(format!("{}.{suffix}", site.name), &[norm.channels]));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        // ONNX's momentum is the weight of the old statistics.
        let attributes = [
            float_attribute("epsilon", norm.eps),
            float_attribute("momentum", 1.0 - norm.momentum),
        ];
        self.maps(site, "BatchNormalization", &inputs, &attributes)
    }

    fn layer_norm(&mut self, site: &Site, norm: &LayerNorm2d) -> Output {
        let is_vector = self.value(site.inputs[0]).is_vector;
        let order = match is_vector {
            true => Order::Planar,
            false => Order::Last,
        };
        let value = self.in_order(site.inputs[0], order);
        let weight = self.parameter(format!("{}.weight", site.name), &[norm.channels]);
        let bias = self.parameter(format!("{}.bias", site.name), &[norm.channels]);
        let attributes = [
            integer_attribute("axis", -1),
            float_attribute("epsilon", norm.eps),
        ];
        let inputs = [value.as_str(), &weight, &bias];
        self.emit(site, ("LayerNormalization", order), &inputs, &attributes)
    }

    fn linear(&mut self, site: &Site, linear: &Linear) -> Output {
        let is_vector = self.value(site.inputs[0]).is_vector;
        let shape = [linear.out_features, linear.in_features];
        let weight = self.parameter(format!("{}.weight", site.name), &shape);
        let bias = self.parameter(format!("{}.bias", site.name), &[linear.out_features]);
        if is_vector {
            let value = self.planar(site.inputs[0]);
            let attributes = [integer_attribute("transB", 1)];
            return self.emit(
                site,
                ("Gemm", Order::Planar),
                &[&value, &weight, &bias],
                &attributes,
            );
        }
        let value = self.in_order(site.inputs[0], Order::Last);
        let part = |step: &str| format!("{}/{step}", site.name);
        let turned = [integers_attribute("perm", &[1, 0])];
        let weight = self.add(&part("turned"), "Transpose", &[&weight], &turned);
        let product = self.add(&part("product"), "MatMul", &[&value, &weight], &[]);
        self.emit(site, ("Add", Order::Last), &[&product, &bias], &[])
    }

    /// Means over cells that may overlap: a product with a matrix for the rows and one for the columns, which are known for one size
    /// of maps. Where each cell is one pixel there is nothing to compute; a pooling of 1×1 keeps the place.
    fn adaptive(&mut self, site: &Site, cells: ImageSize) -> Result<Output, Error> {
        if cells == ImageSize::square(1) {
            return Ok(self.on_maps(site, "GlobalAveragePool", &[]));
        }
        let known = self.shapes.as_ref().map(|shapes| shapes[site.inputs[0].index()]);
        let Some(Shape::Map { size, .. }) = known else {
            return Err(Error::SizeNeeded {
                node: site.name.clone(),
                op: self.graph.nodes()[site.index].op.name(),
            });
        };
        if size == cells {
            let attributes = [kernel_attribute(ImageSize::square(1)), strides_attribute(1)];
            return Ok(self.on_maps(site, "AveragePool", &attributes));
        }
        let value = self.planar(site.inputs[0]);
        let part = |step: &str| format!("{}/{step}", site.name);
        let rows = averaging(size.height, cells.height);
        let rows = self.floats(&part("row_means"), &[cells.height, size.height], &rows);
        let columns = turned(&averaging(size.width, cells.width), size.width);
        let columns = self.floats(&part("column_means"), &[size.width, cells.width], &columns);
        let value = self.add(&part("rows"), "MatMul", &[&rows, &value], &[]);
        Ok(self.maps(site, "MatMul", &[&value, &columns], &[]))
    }

    /// Step and border of a window. Keras's `same` is ONNX's `SAME_UPPER`, for every size; runtimes do not agree on what that is
    /// for filters with gaps.
    fn window_attributes(&self, site: &Site, window: Window, dilation: usize) -> Result<Vec<Message>, Error> {
        let pads = |border: [usize; 4]| integers_attribute("pads", &border.map(|side| side as i64));
        let border = match window.padding {
            Padding::Symmetric { height, width } => pads([height, width, height, width]),
            Padding::Same if dilation == 1 => text_attribute("auto_pad", "SAME_UPPER"),
            Padding::Same => {
                let known = self.shapes.as_ref().map(|shapes| shapes[site.inputs[0].index()]);
                let border = match known {
                    Some(Shape::Map { size, .. }) => window.border(size),
                    // With stride 1 it is the same for all sizes.
                    _ if window.stride == 1 => window.border(window.extent),
                    _ => None,
                };
                let border = border.ok_or_else(|| Error::SizeNeeded {
                    node: site.name.clone(),
                    op: self.graph.nodes()[site.index].op.name(),
                })?;
                pads([border.top, border.left, border.bottom, border.right])
            }
        };
        Ok(vec![strides_attribute(window.stride), border])
    }
}

fn kernel_attribute(size: ImageSize) -> Message {
    integers_attribute("kernel_shape", &[size.height as i64, size.width as i64])
}

fn strides_attribute(stride: usize) -> Message {
    integers_attribute("strides", &[stride as i64, stride as i64])
}

/// The `cells`×`length` matrix that makes means over cells out of `length` numbers: cell i begins at ⌊i·length/cells⌋ and ends before
/// ⌈(i+1)·length/cells⌉, as PyTorch's.
pub(crate) fn averaging(length: usize, cells: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; length * cells];
    for (cell, row) in matrix.chunks_mut(length.max(1)).enumerate() {
        let start = cell * length / cells;
        let end = ((cell + 1) * length).div_ceil(cells);
        let share = 1.0 / (end - start) as f32;
        row[start..end].fill(share);
    }
    matrix
}

/// A matrix with rows of `length` numbers, turned.
fn turned(matrix: &[f32], length: usize) -> Vec<f32> {
    let column = |index: usize| matrix.iter().skip(index).step_by(length.max(1)).copied();
    (0..length).flat_map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_overlap_where_they_do_not_divide() {
        let third = 1.0 / 3.0;
        assert_eq!(averaging(4, 2), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5]);
        assert_eq!(
            averaging(5, 2),
            [third, third, third, 0.0, 0.0, 0.0, 0.0, third, third, third]
        );
        // More cells than numbers: each is there several times.
        assert_eq!(averaging(1, 3), [1.0, 1.0, 1.0]);
        assert_eq!(
            turned(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
    }
}
