//! Where a window has to be so that a person can reach it: pure arithmetic over monitors, in physical
//! pixels. What is remembered of a window may be of a monitor that is gone, or was larger.

/// A hand takes a window by its upper edge; so much of that must be on a monitor.
const HANDLE_HEIGHT: i64 = 40;
/// See [`HANDLE_HEIGHT`]. About as much as a window's buttons leave of the narrowest title bar.
const HANDLE_WIDTH: i64 = 120;

/// A rectangle on the desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Frame {
    pub(crate) fn new((x, y): (i32, i32), (width, height): (u32, u32)) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// Where it has to go; `None` when it can stay. Without a monitor there is nowhere to go.
    pub(crate) fn reachable_on(&self, monitors: &[Frame]) -> Option<Frame> {
        let handle = Frame {
            height: self.height.min(HANDLE_HEIGHT.unsigned_abs() as u32),
            ..*self
        };
        let overlaps = monitors.iter().map(|monitor| handle.overlap(monitor));
        let (width, height, at) = overlaps
            .zip(monitors)
            .map(|((width, height), at)| (width, height, at))
            .max_by_key(|(width, height, _)| width * height)?;
        let wanted = HANDLE_WIDTH.min(i64::from(self.width));
        let in_reach = width >= wanted && height >= i64::from(handle.height) / 2;
        // Of a monitor that is gone, back to the first, which desktops name their main one.
        let monitor = if in_reach { at } else { monitors.first()? };
        let fits = self.width <= monitor.width && self.height <= monitor.height;
        if in_reach && fits {
            return None;
        }
        let width = self.width.min(monitor.width);
        let height = self.height.min(monitor.height);
        let middle = |from: i32, room: u32, size: u32| {
            let rest = i32::try_from((room - size) / 2).unwrap_or(0);
            from.saturating_add(rest)
        };
        Some(Frame {
            x: middle(monitor.x, monitor.width, width),
            y: middle(monitor.y, monitor.height, height),
            width,
            height,
        })
    }

    /// Width and height of what both cover; zeroes when they do not touch.
    fn overlap(&self, other: &Frame) -> (i64, i64) {
        let span = |a: i32, a_size: u32, b: i32, b_size: u32| {
            let end = (i64::from(a) + i64::from(a_size)).min(i64::from(b) + i64::from(b_size));
            (end - i64::from(a.max(b))).max(0)
        };
        let width = span(self.x, self.width, other.x, other.width);
        let height = span(self.y, self.height, other.y, other.height);
        match (width, height) {
            (0, _) | (_, 0) => (0, 0),
            both => both,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAPTOP: Frame = Frame {
        x: 0,
        y: 0,
        width: 1920,
        height: 1080,
    };
    const BESIDE: Frame = Frame {
        x: 1920,
        y: -200,
        width: 2560,
        height: 1440,
    };

    fn window(x: i32, y: i32, width: u32, height: u32) -> Frame {
        Frame::new((x, y), (width, height))
    }

    #[test]
    fn what_can_be_reached_stays_where_it_is() {
        for window in [
            window(100, 100, 1280, 800),
            window(0, 0, 1920, 1080),
            // Half of it over the edge, and across both.
            window(1700, 300, 1280, 800),
            window(-1100, 900, 1280, 800),
            window(2000, -200, 1280, 800),
        ] {
            assert_eq!(window.reachable_on(&[LAPTOP, BESIDE]), None, "{window:?}");
        }
        assert_eq!(window(0, 0, 10, 10).reachable_on(&[]), None);
    }

    #[test]
    fn of_a_monitor_that_is_gone_it_comes_to_the_first() {
        let beside = window(2400, 100, 1280, 800);
        assert_eq!(beside.reachable_on(&[LAPTOP, BESIDE]), None);
        let back = beside.reachable_on(&[LAPTOP]);
        assert_eq!(back, Some(window(320, 140, 1280, 800)));
        // Its title bar above the monitor, or a sliver of it at the edge, is out of reach, too.
        for lost in [window(300, -700, 1280, 800), window(1900, 100, 1280, 800)] {
            assert_eq!(lost.reachable_on(&[LAPTOP]), back, "{lost:?}");
        }
    }

    #[test]
    fn what_is_larger_than_its_monitor_is_made_to_fit() {
        let large = window(1920, -200, 2560, 1440);
        assert_eq!(large.reachable_on(&[LAPTOP, BESIDE]), None);
        assert_eq!(large.reachable_on(&[LAPTOP]), Some(LAPTOP));
        let wide = window(0, 0, 3840, 800);
        assert_eq!(
            wide.reachable_on(&[LAPTOP]),
            Some(window(0, 140, 1920, 800))
        );
        // Coordinates that nobody wrote in earnest.
        let odd = window(i32::MAX, i32::MIN, u32::MAX, u32::MAX);
        assert_eq!(odd.reachable_on(&[LAPTOP]), Some(LAPTOP));
    }
}
