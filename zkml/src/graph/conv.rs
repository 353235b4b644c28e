//! Convolutions and pools, in one and two dimensions.

use super::{
    Linear, Op,
    build::{Builder, MAX_ELEMENTS, Value, elements},
    call::Call,
};
use crate::{
    Error,
    layout::{Layout, Window},
};

impl Builder<'_> {
    /// A cross-correlation with constant weights, in groups.
    pub(super) fn conv(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        let (dims, weights) = call
            .floats(1)
            .ok_or_else(|| call.unsupported("weights must be constants of float32"))?;
        if dims.len() != shape.len() || dims.contains(&0) {
            return Err(call.misshapen("weights with as many dimensions as the input, none of 0"));
        }
        let window = self.window(call, shape, Some(&dims[2..]))?;
        let outputs = dims[0];
        let groups = usize::try_from(call.int("group", 1)?)
            .ok()
            .filter(|groups| *groups > 0 && outputs % groups == 0 && window.channels % groups == 0)
            .ok_or_else(|| call.misset("group", "it must divide the channels"))?;
        if dims[1] * groups != window.channels {
            let expected = format!("weights for {} channels per group", window.channels / groups);
            return Err(call.misshapen(expected));
        }
        let places = window.places();
        let count = outputs.saturating_mul(places);
        self.reserve(count.saturating_add(weights.len()))?;
        let bias = match call.operand(2) {
            Value::Absent => vec![0.0; count],
            _ => match call.floats(2) {
                Some(([length], bias)) if *length == outputs => {
                    (0..count).map(|at| f64::from(bias[at / places])).collect()
                }
                _ => return Err(call.misshapen(format!("a constant bias of {outputs} numbers"))),
            },
        };
        let shape = self.out_shape(shape, outputs, &window);
        let layout = Layout::Conv { window, groups, outputs };
        let map = Linear { layout, weights: weights.into(), gain: vec![1.0], bias };
        self.value(call.name(), Op::Linear { input, map }, shape)
    }

    /// MaxPool and AveragePool.
    pub(super) fn pool(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        let window = self.window(call, shape, None)?;
        let out = self.out_shape(shape, window.channels, &window);
        if call.node.op == "MaxPool" {
            return self.value(call.name(), Op::Max { input, window }, out);
        }
        let full = window.kernel[0] * window.kernel[1];
        let partial = (0..window.places()).any(|place| window.cells(place).count() != full);
        let by_count = partial && call.int("count_include_pad", 0)? == 0;
        if partial && !by_count && call.int("ceil_mode", 0)? != 0 {
            let why = "with count_include_pad, windows beyond the padding are counted in two ways";
            return Err(call.misset("ceil_mode", why));
        }
        self.average(call.name(), input, window, by_count, out)
    }

    /// The largest number, or the mean, of each channel.
    pub(super) fn global_pool(&mut self, call: &Call<'_, '_>) -> Result<Value, Error> {
        let (input, shape) = call.computed(0)?;
        let [batch, channels, plane @ ..] = shape else {
            return Err(call.misshapen("at least two dimensions"));
        };
        let window = Window::across(batch * channels, elements(plane));
        let mut out = vec![*batch, *channels];
        out.resize(shape.len(), 1);
        if call.node.op == "GlobalMaxPool" {
            return self.value(call.name(), Op::Max { input, window }, out);
        }
        self.average(call.name(), input, window, false, out)
    }

    /// The mean of every window: of all cells of the kernel, or of those inside the plane.
    pub(super) fn average(
        &mut self,
        name: &str,
        input: usize,
        window: Window,
        by_count: bool,
        shape: Vec<usize>,
    ) -> Result<Value, Error> {
        let cells = window.kernel[0] * window.kernel[1];
        let (weights, gain): (Vec<f32>, f64) = if by_count {
            ((1..=cells).map(|count| 1.0 / count as f32).collect(), 1.0)
        } else {
            (vec![1.0], 1.0 / cells as f64)
        };
        let bias = vec![0.0; elements(&shape)];
        let layout = Layout::Pool { window, by_count };
        let map = Linear { layout, weights: weights.into(), gain: vec![gain], bias };
        self.value(name, Op::Linear { input, map }, shape)
    }

    /// The window that a node's attributes say; its kernel is an attribute, or the shape of weights.
    fn window(
        &self,
        call: &Call<'_, '_>,
        shape: &[usize],
        weights: Option<&[usize]>,
    ) -> Result<Window, Error> {
        let [batch, channels, plane @ ..] = shape else {
            return Err(call.misshapen("a batch, channels and one or two dimensions"));
        };
        let axes = plane.len();
        if *batch != 1 || !(1..=2).contains(&axes) {
            return Err(call.misshapen("a batch of 1, channels and one or two dimensions"));
        }
        let list = |name: &str, default: usize, axes: usize, least: usize| {
            let Some(found) = call.ints(name)? else { return Ok(vec![default; axes]) };
            let sizes: Option<Vec<usize>> = found
                .iter()
                .map(|size| {
                    usize::try_from(*size)
                        .ok()
                        .filter(|size| *size >= least && *size <= MAX_ELEMENTS)
                })
                .collect();
            sizes
                .filter(|sizes| sizes.len() == axes)
                .ok_or_else(|| call.misset(name, "one positive number per dimension was expected"))
        };
        let kernel = match weights {
            None => list("kernel_shape", 0, axes, 1)?,
            Some(weights) => {
                if list("kernel_shape", 0, axes, 1)? != weights
                    && call.node.attribute("kernel_shape").is_some()
                {
                    return Err(call.misset("kernel_shape", "it differs from the weights' shape"));
                }
                weights.to_vec()
            }
        };
        if kernel.contains(&0) {
            return Err(call.misset("kernel_shape", "it is required"));
        }
        let (strides, dilations) = (list("strides", 1, axes, 1)?, list("dilations", 1, axes, 1)?);
        let explicit = list("pads", 0, 2 * axes, 0)?;
        let auto = call.text("auto_pad", "NOTSET")?;
        let ceil = call.int("ceil_mode", 0)? != 0;
        let (mut pads, mut out) = (vec![], vec![]);
        for axis in 0..axes {
            let reach = (kernel[axis] - 1).saturating_mul(dilations[axis]).saturating_add(1);
            let (size, stride) = (plane[axis], strides[axis]);
            let (begin, end) = match auto.as_str() {
                "NOTSET" | "" => (explicit[axis], explicit[axes + axis]),
                "VALID" => (0, 0),
                "SAME_UPPER" | "SAME_LOWER" => {
                    let total = ((size.div_ceil(stride) - 1) * stride + reach).saturating_sub(size);
                    let small = total / 2;
                    if auto == "SAME_UPPER" {
                        (small, total - small)
                    } else {
                        (total - small, small)
                    }
                }
                _ => return Err(call.misset("auto_pad", "the standard has no such padding")),
            };
            let room = (size + begin + end).checked_sub(reach).ok_or_else(|| {
                call.misshapen(format!("at least {reach} numbers along each window"))
            })?;
            let mut places = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
            // A window must begin inside the input or its padding before it.
            if ceil && (places - 1) * stride >= size + begin {
                places -= 1;
            }
            pads.push(begin);
            out.push(places);
        }
        let pair = |list: &[usize], other: usize| match list {
            [one] => [other, *one],
            _ => [list[0], list[1]],
        };
        let window = Window {
            channels: *channels,
            size: pair(plane, 1),
            kernel: pair(&kernel, 1),
            strides: pair(&strides, 1),
            dilations: pair(&dilations, 1),
            pads: pair(&pads, 0),
            out: pair(&out, 1),
        };
        let count = window.out[0].checked_mul(window.out[1]).filter(|count| *count <= MAX_ELEMENTS);
        if count.is_none() || window.channels.saturating_mul(window.places()) > MAX_ELEMENTS {
            return Err(call.misshapen(format!("at most {MAX_ELEMENTS} results")));
        }
        let cells = window.kernel[0].saturating_mul(window.kernel[1]);
        if cells.saturating_mul(window.places()) > MAX_CELLS {
            return Err(call.misshapen(format!("at most {MAX_CELLS} cells of all windows")));
        }
        if call.node.op != "Conv"
            && (0..window.places()).any(|at| window.cells(at).next().is_none())
        {
            return Err(call.misset("pads", "a window lies in the padding as a whole"));
        }
        Ok(window)
    }

    fn out_shape(&self, shape: &[usize], channels: usize, window: &Window) -> Vec<usize> {
        let mut out = vec![shape[0], channels];
        // A vector is a plane of height 1.
        out.extend(&window.out[4 - shape.len()..]);
        out
    }
}

impl Window {
    /// One window over each of `channels` runs of `length` numbers.
    pub(super) const fn across(channels: usize, length: usize) -> Self {
        Self {
            channels,
            size: [1, length],
            kernel: [1, length],
            strides: [1, 1],
            dilations: [1, 1],
            pads: [0, 0],
            out: [1, 1],
        }
    }
}

/// Most cells of the windows over one plane: a short file can ask for large windows.
const MAX_CELLS: usize = 1 << 26;
