//! Finds places for the labels of points, so that none lies on another or on a point.

use anyhow::{Context, Result};

/// A rectangle in pixels; its right and lower edges are outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// The left edge.
    pub left: i32,
    /// The upper edge.
    pub top: i32,
    /// The right edge.
    pub right: i32,
    /// The lower edge.
    pub bottom: i32,
}

impl Area {
    /// The square around a point.
    #[must_use]
    pub fn around((x, y): (i32, i32), radius: i32) -> Self {
        Self { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }
    }

    fn meets(self, other: Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// The point of it that is nearest to another one.
    #[must_use]
    pub fn nearest(self, (x, y): (i32, i32)) -> (i32, i32) {
        (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
    }

    /// The square of the distance to a point.
    fn distance(self, point: (i32, i32)) -> i32 {
        let nearest = self.nearest(point);
        (point.0 - nearest.0).pow(2) + (point.1 - nearest.1).pow(2)
    }

    fn lies_in(self, other: Self) -> bool {
        self.left >= other.left
            && self.right <= other.right
            && self.top >= other.top
            && self.bottom <= other.bottom
    }
}

/// A point and the size of its label.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Where it is.
    pub at: (i32, i32),
    /// How wide and high its label is.
    pub size: (i32, i32),
}

/// How far from the edge of a mark its label begins: next to it, or where that is taken
/// farther away, with a line between them.
const GAPS: [i32; 6] = [5, 14, 24, 36, 50, 66];

/// A place of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The rectangle of its text.
    pub area: Area,
    gap: usize,
}

impl Place {
    /// Whether it is so far from its point that a line has to lead there.
    #[must_use]
    pub fn is_far(&self) -> bool {
        self.gap > 0
    }
}

/// Places for the labels of `points`, in their order. If possible, no other point is nearer
/// to a label without a line, and no line crosses anything. `radius` is that of the marks;
/// something else is in `taken`.
pub fn place(points: &[Point], inside: Area, taken: Area, radius: i32) -> Result<Vec<Place>> {
    let mut taken = vec![taken];
    taken.extend(points.iter().map(|point| Area::around(point.at, radius + 2)));
    let mut order: Vec<usize> = (0..points.len()).collect();
    let mut best: Option<(usize, Vec<Place>)> = None;
    // Who chooses first takes room from others, so each order is tried that begins elsewhere.
    for turn in 0..points.len() * 2 {
        if turn == points.len() {
            order.reverse();
        }
        order.rotate_left(1);
        let Some((faults, places)) = in_order(points, &order, inside, &taken, radius) else {
            continue;
        };
        if best.as_ref().is_none_or(|(least, _)| faults < *least) {
            best = Some((faults, places));
        }
    }
    best.map(|(_, places)| places).context("no room for the labels")
}

/// The places where the labels choose in this order, and how bad they are.
fn in_order(
    points: &[Point],
    order: &[usize],
    inside: Area,
    taken: &[Area],
    radius: i32,
) -> Option<(usize, Vec<Place>)> {
    let (mut taken, mut lines) = (taken.to_vec(), Vec::new());
    let (mut all_faults, mut places) = (0, vec![None; points.len()]);
    for &number in order {
        let point = &points[number];
        let is_free = |place: &Place| {
            place.area.lies_in(inside) && !taken.iter().any(|area| place.area.meets(*area))
        };
        let is_unclear = |place: &Place| {
            let own = place.area.distance(point.at);
            !place.is_far() && points.iter().any(|other| place.area.distance(other.at) < own)
        };
        let is_crossed = |place: &Place| {
            let line = line(place, point.at, radius);
            line.iter().any(|part| taken.iter().any(|area| part.meets(*area)))
                || lines.iter().any(|part| place.area.meets(*part))
        };
        let faults = |place: &Place| {
            place.gap
                + GAPS.len() * (usize::from(is_unclear(place)) + usize::from(is_crossed(place)))
        };
        let place = candidates(point, radius).filter(is_free).min_by_key(faults)?;
        all_faults += faults(&place);
        taken.push(place.area);
        lines.extend(line(&place, point.at, radius));
        places[number] = Some(place);
    }
    Some((all_faults, places.into_iter().collect::<Option<_>>()?))
}

/// The line from a mark to a label that is far from it, as small squares.
fn line(place: &Place, (x, y): (i32, i32), radius: i32) -> Vec<Area> {
    let (to_x, to_y) = place.area.nearest((x, y));
    let (over, up) = (to_x - x, to_y - y);
    let length = over.abs().max(up.abs());
    let from = if place.is_far() { radius + 4 } else { length };
    let at = |step| (x + over * step / length, y + up * step / length);
    (from..length).map(|step| Area::around(at(step), 1)).collect()
}

/// The places for a label, the best first.
fn candidates(point: &Point, radius: i32) -> impl Iterator<Item = Place> {
    let Point { at: (x, y), size: (width, height) } = *point;
    GAPS.into_iter().enumerate().flat_map(move |(number, gap)| {
        let far = radius + gap;
        let (right, left) = (x + far, x - far - width);
        let (above, below) = (y - far - height, y + far);
        let (level, middle) = (y - height / 2, x - width / 2);
        let corners = [(right, above), (right, below), (left, above), (left, below)];
        // Half over the point, to one side or the other.
        let (over, under) = (x - width / 4, x - width * 3 / 4);
        let sides = [(right, level), (left, level), (middle, above), (middle, below)];
        let shifted = [(over, above), (over, below), (under, above), (under, below)];
        sides.into_iter().chain(shifted).chain(corners).map(move |(left, top)| {
            let area = Area { left, top, right: left + width, bottom: top + height };
            Place { area, gap: number }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: Area = Area { left: 0, top: 0, right: 400, bottom: 400 };
    const TAKEN: Area = Area { left: 150, top: 190, right: 190, bottom: 200 };

    #[test]
    fn labels_of_near_points_do_not_meet() {
        let at = |n: i32| Point { at: (200 + n % 3 * 4, 200 + n * 5), size: (90, 18) };
        let points: Vec<_> = (0..8).map(at).collect();
        let places = place(&points, INSIDE, TAKEN, 6).expect("there is room");
        for (number, place) in places.iter().enumerate() {
            assert!(place.area.lies_in(INSIDE) && !place.area.meets(TAKEN));
            assert!(places[..number].iter().all(|other| !place.area.meets(other.area)));
            assert!(points.iter().all(|p| !place.area.meets(Area::around(p.at, 6))));
        }
    }

    #[test]
    fn a_label_without_room_is_an_error() {
        let point = Point { at: (200, 200), size: (500, 18) };
        assert!(place(&[point], INSIDE, TAKEN, 6).is_err());
    }
}
