//! Where linear maps, pools and moves take their operands: the same for real numbers and integers.
//!
//! Everything is computed from the index of a result, so that a map of millions of terms costs the
//! memory of its weights and no more.

/// Which operands a result of a linear map has, and which weight goes with each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// A cross-correlation: channels in groups, each result sees the channels of its own group.
    /// Weights are outputs × channels per group × kernel.
    Conv { window: Window, groups: usize, outputs: usize },
    /// A matrix, `height` × `width`, applied to consecutive vectors.
    Dense { width: usize, height: usize },
    /// The sum over a window of each channel. With one weight it is the same for all; otherwise
    /// weight n - 1 is that of windows with n cells inside the input.
    Pool { window: Window, by_count: bool },
    /// Each number by itself: `inner` consecutive numbers share a weight, `channels` weights repeat.
    Scale { channels: usize, inner: usize },
}

impl Layout {
    /// Calls `with` for each term of result `at`: index of the operand, index of the weight.
    pub(crate) fn visit(&self, at: usize, mut with: impl FnMut(usize, usize)) {
        match self {
            Self::Conv { window, groups, outputs } => {
                let (channel, place) = (at / window.places(), at % window.places());
                let each = window.channels / groups;
                let first = channel / (outputs / groups) * each;
                let kernel = window.kernel[0] * window.kernel[1];
                for (index, offset) in window.cells(place) {
                    for within in 0..each {
                        let operand = (first + within) * window.area() + offset;
                        with(operand, (channel * each + within) * kernel + index);
                    }
                }
            }
            Self::Dense { width, height } => {
                let (block, row) = (at / height, at % height);
                for column in 0..*width {
                    with(block * width + column, row * width + column);
                }
            }
            Self::Pool { window, by_count } => {
                let weight =
                    if *by_count { window.cells(at % window.places()).count() - 1 } else { 0 };
                window.visit(at, |operand| with(operand, weight));
            }
            Self::Scale { channels, inner } => with(at, at / inner % channels),
        }
    }

    /// The same for all of `count` results: index of the result, of the operand, of the weight. The terms
    /// of a result come in the same order.
    pub(crate) fn visit_all(&self, count: usize, mut with: impl FnMut(usize, usize, usize)) {
        let Self::Conv { window, groups, outputs } = self else {
            (0..count).for_each(|at| self.visit(at, |operand, weight| with(at, operand, weight)));
            return;
        };
        let (places, area, kernel) =
            (window.places(), window.area(), window.kernel[0] * window.kernel[1]);
        let each = window.channels / groups;
        // Which cells a window has is the same for all channels.
        for place in 0..places {
            let cells: Vec<_> = window.cells(place).collect();
            for channel in 0..*outputs {
                let first = channel / (outputs / groups) * each;
                for (index, offset) in &cells {
                    for within in 0..each {
                        let operand = (first + within) * area + offset;
                        let weight = (channel * each + within) * kernel + index;
                        with(channel * places + place, operand, weight);
                    }
                }
            }
        }
    }

    /// The output channel of a result: results of a channel share their weights.
    pub(crate) fn channel(&self, at: usize) -> usize {
        match self {
            Self::Conv { window, .. } => at / window.places(),
            Self::Dense { height, .. } => at % height,
            Self::Pool { .. } => 0,
            Self::Scale { channels, inner } => at / inner % channels,
        }
    }

    /// How many output channels have weights of their own.
    pub(crate) const fn channels(&self) -> usize {
        match self {
            Self::Conv { outputs, .. } => *outputs,
            Self::Dense { height, .. } => *height,
            Self::Pool { .. } => 1,
            Self::Scale { channels, .. } => *channels,
        }
    }

    /// Most terms of a result.
    pub(crate) const fn terms(&self) -> usize {
        match self {
            Self::Conv { window, groups, .. } => {
                window.channels / *groups * window.kernel[0] * window.kernel[1]
            }
            Self::Dense { width, .. } => *width,
            Self::Pool { window, .. } => window.kernel[0] * window.kernel[1],
            Self::Scale { .. } => 1,
        }
    }
}

/// A window that slides over planes of numbers; each of `channels` planes has its own results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) channels: usize,
    /// Height and width of a plane; a vector is a plane of height 1.
    pub(crate) size: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) strides: [usize; 2],
    pub(crate) dilations: [usize; 2],
    /// Rows above and columns to the left of the plane that windows may cover.
    pub(crate) pads: [usize; 2],
    /// Height and width of the results.
    pub(crate) out: [usize; 2],
}

impl Window {
    /// Numbers of a plane.
    pub(crate) const fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Windows over a plane.
    pub(crate) const fn places(&self) -> usize {
        self.out[0] * self.out[1]
    }

    /// Cells of window `place` that lie inside the plane: index in the kernel, index in the plane.
    pub(crate) fn cells(&self, place: usize) -> impl Iterator<Item = (usize, usize)> {
        let starts = [place / self.out[1], place % self.out[1]];
        let inside = move |axis: usize, step: usize| {
            (starts[axis] * self.strides[axis] + step * self.dilations[axis])
                .checked_sub(self.pads[axis])
                .filter(|at| *at < self.size[axis])
        };
        (0..self.kernel[0]).filter_map(move |step| Some((step, inside(0, step)?))).flat_map(
            move |(down, row)| {
                (0..self.kernel[1]).filter_map(move |step| {
                    let column = inside(1, step)?;
                    Some((down * self.kernel[1] + step, row * self.size[1] + column))
                })
            },
        )
    }

    /// Calls `with` for each operand of result `at`, its own plane's.
    pub(crate) fn visit(&self, at: usize, mut with: impl FnMut(usize)) {
        let plane = at / self.places() * self.area();
        for (_, offset) in self.cells(at % self.places()) {
            with(plane + offset);
        }
    }

    /// The operands of result `at`, in ascending order.
    pub(crate) fn operands(&self, at: usize) -> Vec<usize> {
        let mut operands = vec![];
        self.visit(at, |operand| operands.push(operand));
        operands
    }
}

/// Where a result of a move comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pick<T> {
    /// A constant.
    Constant(T),
    /// Element `at` of source number `source`.
    Element { source: u32, at: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window {
            channels: 4,
            size: [3, 4],
            kernel: [2, 3],
            strides: [2, 1],
            dilations: [1, 2],
            pads: [1, 1],
            out: [2, 2],
        }
    }

    #[test]
    fn cells_outside_the_plane_are_left_out() {
        let cells: Vec<_> = window().cells(0).collect();
        // Rows -1 and 0, columns -1, 1 and 3.
        assert_eq!(cells, [(4, 1), (5, 3)]);
        let cells: Vec<_> = window().cells(3).collect();
        // Rows 1 and 2, columns 0, 2 and 4.
        assert_eq!(cells, [(0, 4), (1, 6), (3, 8), (4, 10)]);
    }

    #[test]
    fn groups_see_their_own_channels() {
        let layout = Layout::Conv { window: window(), groups: 2, outputs: 6 };
        for at in 0..6 * 4 {
            let group = at / 4 / 3;
            layout.visit(at, |operand, weight| {
                assert_eq!(operand / 12 / 2, group);
                assert_eq!(weight / (2 * 6), at / 4);
                assert_eq!(weight / 6 % 2, operand / 12 % 2);
            });
            assert_eq!(layout.channel(at), at / 4);
        }
        assert_eq!((layout.terms(), layout.channels()), (12, 6));
    }

    #[test]
    fn all_results_together_are_each_by_itself() {
        let pool = Layout::Pool { window: window(), by_count: true };
        let conv = Layout::Conv { window: window(), groups: 2, outputs: 6 };
        for (layout, count) in [(pool, 4 * 4), (conv, 6 * 4)] {
            let mut all = vec![vec![]; count];
            layout.visit_all(count, |at, operand, weight| all[at].push((operand, weight)));
            for (at, found) in all.into_iter().enumerate() {
                let mut expected = vec![];
                layout.visit(at, |operand, weight| expected.push((operand, weight)));
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn pools_weigh_by_the_cells_inside() {
        let layout = Layout::Pool { window: window(), by_count: true };
        let mut seen = vec![];
        layout.visit(5, |operand, weight| seen.push((operand, weight)));
        let plane = 12;
        // Window 1 of plane 1: row 0, columns 0, 2 and 4.
        assert_eq!(seen, [(plane, 1), (plane + 2, 1)]);
    }
}
