//! What slides over maps, and the borders around them.

use super::super::constants::place;
use super::super::importer::{Halt, Importer, Site, refuse};
use super::super::step::{Kind, Known, StepId};
use super::super::value::{Axis, Signal, Value};
use super::layers::layer;
use super::slide::{Border4, Sliding, slide, widen};
use marque_arch::{AvgPool2d, BiasInit, Border, Conv2d, ImageSize, MaxPool2d, Op, Padding, Window};

pub(super) fn conv(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.maps(0)?;
    let weight = site.constant(1)?;
    let &[out_channels, per_group, height, width] = weight.shape() else {
        return refuse(format!(
            "its weight has the shape {:?}, expected that of a two-dimensional filter",
            weight.shape()
        ));
    };
    if weight.is_empty() || !weight.dtype().is_float() {
        return refuse(format!(
            "its weight is {} of the shape {:?}",
            weight.dtype(),
            weight.shape()
        ));
    }
    let groups = site.attributes.integer("group").unwrap_or(1);
    let in_channels = usize::try_from(groups)
        .ok()
        .and_then(|groups| per_group.checked_mul(groups));
    let (Some(in_channels), Ok(groups)) = (in_channels, usize::try_from(groups)) else {
        return refuse(format!("it has {groups} groups"));
    };
    let dilation = one(site, "dilations")?;
    let reach = |taps: usize| taps.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
    let extent = ImageSize {
        height: reach(height),
        width: reach(width),
    };
    let sliding = Sliding::of(importer, site, &signal, extent)?;
    let source = importer.known(sliding.source);
    if source.channels.is_some_and(|found| found != in_channels) {
        return refuse(format!(
            "it is for {in_channels} channels and gets {:?}",
            source.channels
        ));
    }
    let (padding, weight, kernel_size) = match sliding.padding(source) {
        Some(padding) => (padding, weight, ImageSize { height, width }),
        // Zeros in the filter reach as far as zeros around the maps.
        None if dilation == 1 => {
            let (added, padding) = sliding.evened();
            let Some(wider) = widen(&weight, added, |bytes| importer.charge(site, bytes))? else {
                return refuse("its border is wider than its filter by far");
            };
            let &[_, _, height, width] = wider.shape() else {
                return refuse("its filter cannot be made wider");
            };
            (padding, wider, ImageSize { height, width })
        }
        None => return refuse("its filter has gaps, and its border is not the same on opposite sides"),
    };
    let bias = site.optional(2)?;
    let mut weights = vec![("weight", weight)];
    if let Some(bias) = bias {
        if bias.shape() != [out_channels] || !bias.dtype().is_float() {
            return refuse(format!(
                "its bias has the shape {:?}, expected {out_channels} floats",
                bias.shape()
            ));
        }
        weights.push(("bias", bias));
    }
    let conv = Conv2d {
        stride: sliding.stride,
        kernel_size,
        dilation,
        groups,
        bias: (weights.len() > 1).then_some(BiasInit::Zeros),
        ..Conv2d::new(in_channels, out_channels, 1).padded(padding)
    };
    let window = Window {
        // Where the filter was made wider it has no gaps.
        extent: if conv.dilation == 1 { kernel_size } else { extent },
        stride: conv.stride,
        padding,
        ceil_mode: false,
    };
    let known = match slide(source, window) {
        Some(known) => known.with_channels(out_channels),
        None => return refuse("its window is larger than what it slides over"),
    };
    let op = Op::Conv2d(conv);
    let step = importer.weighted(site, 1, Kind::Layer { op, weights }, (sliding.source, known));
    Ok(Value::Signal(signal.of(step)))
}

/// One number for both directions; 1 if it is left out.
pub(super) fn one(site: &Site<'_, '_>, name: &str) -> Result<usize, Halt> {
    let (found, first) = match site.attributes.integers(name) {
        None => return Ok(1),
        Some(numbers @ &[first, second]) if first == second => (numbers, first),
        Some(numbers) => {
            return refuse(format!(
                "its {name} are {numbers:?}; marque has one number for both directions"
            ));
        }
    };
    match usize::try_from(first) {
        Ok(number) if number > 0 => Ok(number),
        _ => refuse(format!("its {name} are {found:?}")),
    }
}

/// The side of a pooling's square window.
fn side(site: &Site<'_, '_>) -> Result<usize, Halt> {
    if site.attributes.integers("kernel_shape").is_none() {
        return refuse("its kernel_shape is missing");
    }
    if one(site, "dilations")? != 1 {
        return refuse("its window has gaps");
    }
    one(site, "kernel_shape")
}

pub(super) fn max_pool(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.maps(0)?;
    let kernel_size = side(site)?;
    let ceil_mode = site.attributes.integer("ceil_mode").unwrap_or(0) != 0;
    let sliding = Sliding::of(importer, site, &signal, ImageSize::square(kernel_size))?;
    let source = sliding.source;
    if sliding.has_zeros && !is_non_negative(importer, source) {
        return refuse("it takes the zeros of a border for values, where what they border may be less");
    }
    let known = importer.known(source);
    let Some(padding) = sliding.padding(known) else {
        return refuse(format!(
            "its border is {:?}; marque has the same on opposite sides",
            sliding.border
        ));
    };
    let op = match (kernel_size, padding) {
        (1, padding) if padding == Padding::NONE && sliding.stride == 1 => {
            return Ok(Value::Signal(signal.of(source)));
        }
        (1, padding) if padding == Padding::NONE => Op::Subsample {
            stride: sliding.stride,
        },
        _ => Op::MaxPool2d(MaxPool2d {
            kernel_size,
            stride: sliding.stride,
            padding,
            ceil_mode,
        }),
    };
    let window = Window {
        extent: ImageSize::square(kernel_size),
        stride: sliding.stride,
        padding,
        ceil_mode,
    };
    pooling(importer, site, (&signal, source), op, window)
}

fn pooling(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    (signal, source): (&Signal, StepId),
    op: Op,
    window: Window,
) -> Result<Value, Halt> {
    let Some(known) = slide(importer.known(source), window) else {
        return refuse("its window is larger than what it slides over");
    };
    let kind = Kind::Layer {
        op,
        weights: Vec::new(),
    };
    Ok(Value::Signal(signal.of(importer.step(
        site,
        kind,
        vec![source],
        known,
    ))))
}

/// Whether what a step gives is never below 0, so that zeros around it are as good as nothing to a maximum.
fn is_non_negative(importer: &Importer<'_, '_>, step: StepId) -> bool {
    let maker = match importer.kind(step) {
        Kind::Layer {
            op: Op::MaxPool2d(_) | Op::AvgPool2d(_) | Op::Subsample { .. },
            ..
        } => importer.first_input(step),
        _ => step,
    };
    matches!(
        importer.kind(maker),
        Kind::Layer {
            op: Op::Relu | Op::Relu6 | Op::Sigmoid | Op::HardSigmoid,
            ..
        }
    )
}

pub(super) fn average_pool(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.maps(0)?;
    let kernel_size = match site.attributes.integers("kernel_shape") {
        // A window over all that is there may be wider than high.
        Some(&[height, width]) if covers(importer.known(signal.step), [height, width]) => {
            return whole(importer, site, &signal);
        }
        _ => side(site)?,
    };
    let sliding = Sliding::of(importer, site, &signal, ImageSize::square(kernel_size))?;
    let known = importer.known(sliding.source);
    let counts = site.attributes.integer("count_include_pad").unwrap_or(0) != 0;
    // Where nothing is added there is nothing to count.
    if sliding.own_border != Border4::default() && !counts || sliding.is_same && sliding.needs_border(known) {
        return refuse(
            "it leaves the zeros of its border out of its means; marque counts them, as PyTorch does by default",
        );
    }
    let padding = match sliding.border {
        [top, left, bottom, right] if [left, bottom, right] == [top; 3] => top,
        border => {
            return refuse(format!(
                "its border is {border:?}; marque has the same on all sides"
            ));
        }
    };
    let pool = AvgPool2d {
        kernel_size,
        stride: sliding.stride,
        padding,
    };
    let window = pool.window();
    if site.attributes.integer("ceil_mode").unwrap_or(0) != 0 {
        let is_same = slide(known, window)
            == slide(
                known,
                Window {
                    ceil_mode: true,
                    ..window
                },
            );
        if !is_same || known.height.is_none() || known.width.is_none() {
            return refuse("its last, incomplete windows count; marque has that for maxima alone");
        }
    }
    if kernel_size == 1 && sliding.stride == 1 && padding == 0 {
        return Ok(Value::Signal(match (known.height, known.width) {
            // A pooling to a grid of cells, of which each is one pixel here.
            (Some(height), Some(width)) => {
                let cells = Op::AdaptiveAvgPool2d(ImageSize { height, width });
                signal.of(layer(importer, site, cells, sliding.source))
            }
            _ => signal.of(sliding.source),
        }));
    }
    pooling(
        importer,
        site,
        (&signal, sliding.source),
        Op::AvgPool2d(pool),
        window,
    )
}

/// Whether a window is as large as the maps.
fn covers(known: Known, kernel: [i64; 2]) -> bool {
    let [height, width] = kernel.map(|side| usize::try_from(side).ok());
    height.is_some() && known.height == height && known.width == width && known.height != Some(1)
}

/// The mean of a window over all that is there.
fn whole(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>, signal: &Signal) -> Result<Value, Halt> {
    let has_border = site
        .attributes
        .integers("pads")
        .is_some_and(|pads| pads.iter().any(|&pad| pad != 0));
    if has_border || one(site, "dilations")? != 1 || matches!(importer.kind(signal.step), Kind::Border(_)) {
        return refuse("its window is larger than what it slides over");
    }
    super::means::global(importer, site)
}

/// Zeros around maps, or channels of zeros behind them.
pub(super) fn pad(importer: &mut Importer<'_, '_>, site: &Site<'_, '_>) -> Result<Value, Halt> {
    let signal = site.signal(0)?;
    match site.attributes.text("mode") {
        None | Some(b"constant") => (),
        Some(_) => return refuse("it adds what is no constant"),
    }
    let value = match site.optional(2)? {
        Some(tensor) => tensor.to_f64().first().copied(),
        None => site.attributes.float("value"),
    };
    if value.is_some_and(|value| value != 0.0) {
        return refuse("it adds what is not zero");
    }
    let pads = site.integers(1, "pads")?.unwrap_or_default();
    let rank = signal.axes.len();
    let places = match site.integers(3, "axes")? {
        Some(axes) => axes.iter().map(|&axis| place(axis, rank)).collect(),
        None => Some((0..rank).collect::<Vec<usize>>()),
    };
    let places = places.filter(|places| pads.len() == 2 * places.len());
    let Some(places) = places else {
        return refuse(format!("its pads are {pads:?} for {rank} dimensions"));
    };
    let (mut border, mut channels) = (Border4::default(), 0);
    for (index, place) in places.iter().enumerate() {
        let amounts = [pads[index], pads[index + places.len()]].map(usize::try_from);
        let [Ok(before), Ok(behind)] = amounts else {
            return refuse(format!("its pads are {pads:?}; marque cuts nothing off"));
        };
        match signal.axes[*place] {
            Axis::Height => (border[0], border[2]) = (before, behind),
            Axis::Width => (border[1], border[3]) = (before, behind),
            Axis::Channel if before == 0 => channels = behind,
            _ if before == 0 && behind == 0 => (),
            axis => return refuse(format!("it adds to {axis:?}")),
        }
    }
    padded(importer, site, &signal, (border, channels))
}

fn padded(
    importer: &mut Importer<'_, '_>,
    site: &Site<'_, '_>,
    signal: &Signal,
    (border, channels): (Border4, usize),
) -> Result<Value, Halt> {
    let known = importer.known(signal.step);
    if known.is_vector && channels > 0 {
        return refuse("it adds zeros to a vector");
    }
    let mut step = signal.step;
    if channels > 0 {
        let kind = Kind::Layer {
            op: Op::PadChannels { channels },
            weights: Vec::new(),
        };
        let all = known.channels.and_then(|known| known.checked_add(channels));
        let known = Known {
            channels: all,
            ..known
        };
        step = importer.step(site, kind, vec![step], known);
    }
    if border != Border4::default() {
        let [top, left, bottom, right] = border;
        let grown = |side: Option<usize>, before: usize, behind: usize| {
            side?.checked_add(before)?.checked_add(behind)
        };
        let known = importer.known(step);
        let known = Known {
            height: grown(known.height, top, bottom),
            width: grown(known.width, left, right),
            ..known
        };
        let kind = Kind::Border(Border {
            top,
            bottom,
            left,
            right,
        });
        step = importer.step(site, kind, vec![step], known);
    }
    Ok(Value::Signal(signal.of(step)))
}
