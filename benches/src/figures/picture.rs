//! Draws the time to build an image against its size, as SVG.

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::data::{Measured, Row};
use super::labels::{Area, Point, place};
use super::modes::Program;
use super::theme::Theme;
use crate::compare::table::float;

/// Width and height in pixels. GitHub shows a picture about as wide.
const SIZE: (u32, u32) = (830, 560);
/// Room beside the axes for their labels, and above for the legend.
const ROOM_LEFT: u32 = 76;
const ROOM_BELOW: u32 = 62;
const ROOM_ABOVE: u32 = 40;
const MARGIN: u32 = 6;
/// What plotters calls the size of a font is its line; letters have an em of 1 / 1.24.
const FONT: i32 = 19;
/// Half the size of a mark.
const RADIUS: i32 = 6;
/// How much longer the axes are than the range of the points, at either end.
const FREE: f64 = 1.5;

type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The picture for a theme.
pub fn picture(measured: &Measured, theme: Theme) -> Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let at = axes(measured, theme, &root)?;
        legend(measured, theme, &root)?;
        let taken = better(theme, &root, &at)?;
        points(&measured.modes, theme, &root, &at, taken)?;
        root.present().map_err(drawing)?;
    }
    described(&svg, measured)
}

/// An error of plotters, which borrows, as one of ours.
fn drawing(e: impl std::error::Error) -> anyhow::Error {
    anyhow!("{e}")
}

/// The points of the modes, and where all of them lie.
struct Points {
    at: Vec<(i32, i32)>,
    inside: Area,
}

/// Draws the axes; finds the places of the points.
fn axes(measured: &Measured, theme: Theme, root: &Root) -> Result<Points> {
    let points: Vec<_> = measured.modes.iter().map(|row| (row.build, megabytes(row))).collect();
    let times = range(points.iter().map(|point| point.0));
    let sizes = range(points.iter().map(|point| point.1));
    let time_ticks = ticks(&times, &[1.0, 2.0, 5.0]);
    let size_ticks = ticks(&sizes, &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]);
    let mut chart = ChartBuilder::on(root)
        .margin(MARGIN)
        .margin_top(ROOM_ABOVE)
        .x_label_area_size(ROOM_BELOW)
        .y_label_area_size(ROOM_LEFT)
        .build_cartesian_2d(
            times.log_scale().with_key_points(time_ticks),
            sizes.log_scale().with_key_points(size_ticks),
        )
        .map_err(drawing)?;
    let processors = measured.processors;
    chart
        .configure_mesh()
        .axis_style(theme.quiet_text())
        .bold_line_style(theme.grid())
        .light_line_style(TRANSPARENT)
        .label_style(font().color(&theme.quiet_text()))
        .axis_desc_style(font().color(&theme.text()))
        .x_desc(format!("seconds to build on {processors} processors"))
        .y_desc("size of the image in MB")
        .x_label_formatter(&|seconds| format!("{seconds}"))
        .y_label_formatter(&|size| format!("{size}"))
        .draw()
        .map_err(drawing)?;
    let (x, y) = chart.plotting_area().get_pixel_range();
    Ok(Points {
        at: points.iter().map(|point| chart.backend_coord(point)).collect(),
        inside: Area { left: x.start, top: y.start, right: x.end, bottom: y.end },
    })
}

fn megabytes(row: &Row) -> f64 {
    float(row.bytes) / 1e6
}

/// The part of an axis that has all of the values.
fn range(values: impl Iterator<Item = f64> + Clone) -> std::ops::Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    least / FREE..most * FREE
}

/// The multiples of powers of ten that lie in the range.
fn ticks(range: &std::ops::Range<f64>, of: &[f64]) -> Vec<f64> {
    let powers = (-3..6).map(|power| 10_f64.powi(power));
    let all = powers.flat_map(|power| of.iter().map(move |tick| tick * power));
    // 0.30000000000000004 is no label.
    let rounded = all.map(|tick| (tick * 1e3).round() / 1e3);
    rounded.filter(|tick| range.contains(tick)).collect()
}

fn font<'a>() -> FontDesc<'a> {
    ("sans-serif", FONT).into_font()
}

/// Names the programs, above the axes.
fn legend(measured: &Measured, theme: Theme, root: &Root) -> Result<()> {
    let programs = measured.used();
    let names: Vec<_> = programs.iter().map(|program| measured.name_of(*program)).collect();
    let marks = i32::try_from(names.len())? * (RADIUS * 2 + 8);
    let text: i32 = names.iter().map(|name| width(name)).sum();
    let left = i32::try_from(ROOM_LEFT + MARGIN)?;
    let right = i32::try_from(SIZE.0 - MARGIN)?;
    // What is left over goes between the names.
    let gap = (right - left - marks - text) / i32::try_from(names.len())?;
    let mut x = left + RADIUS;
    let y = i32::try_from(ROOM_ABOVE / 2)?;
    for (program, name) in programs.into_iter().zip(names) {
        mark(program, (x, y), theme, root)?;
        x += RADIUS + 8;
        write(&name, (x, y), font().color(&theme.text()), root)?;
        x += width(&name) + gap + RADIUS;
    }
    Ok(())
}

/// Says in the lower left corner that it is the best one; the area that this takes.
fn better(theme: Theme, root: &Root, points: &Points) -> Result<Area> {
    const TEXT: &str = "smaller, sooner";
    let color = theme.quiet_text();
    let (x, y) = (points.inside.left + 10, points.inside.bottom - 10);
    let (far, barb) = (FONT, FONT / 2);
    for line in [[(x + far, y - far), (x, y)], [(x + barb, y), (x, y)], [(x, y - barb), (x, y)]] {
        root.draw(&PathElement::new(line, color.stroke_width(2))).map_err(drawing)?;
    }
    let (left, middle) = (x + far + 6, y - far);
    write(TEXT, (left, middle), font().color(&color), root)?;
    Ok(Area { left: x, top: middle - FONT / 2, right: left + width(TEXT), bottom: y })
}

/// Draws the marks and their labels.
fn points(rows: &[Row], theme: Theme, root: &Root, points: &Points, taken: Area) -> Result<()> {
    let labelled = rows.iter().zip(&points.at);
    let sized =
        labelled.clone().map(|(row, at)| Point { at: *at, size: (width(&row.label), FONT) });
    let places = place(&sized.collect::<Vec<_>>(), points.inside, taken, RADIUS)?;
    for (number, ((row, at), place)) in labelled.zip(&places).enumerate() {
        let color = theme.of(row.program);
        if place.is_far() {
            let line = PathElement::new([*at, place.area.nearest(*at)], color);
            root.draw(&line).map_err(drawing)?;
        }
        mark(row.program, *at, theme, root)?;
        let mut font = font();
        // The first one is what to copy.
        if number == 0 {
            font = font.style(FontStyle::Bold);
            root.draw(&Circle::new(*at, RADIUS + 4, color.stroke_width(2))).map_err(drawing)?;
        }
        let Area { left, top, bottom, .. } = place.area;
        write(&row.label, (left, (top + bottom) / 2), font.color(&color), root)?;
    }
    Ok(())
}

/// The width of a text in a wide font, which is all that can be known of it.
fn width(text: &str) -> i32 {
    let characters = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / FONT);
    characters * FONT / 2
}

fn write(text: &str, at: (i32, i32), style: TextStyle, root: &Root) -> Result<()> {
    let style = style.pos(Pos::new(HPos::Left, VPos::Center));
    root.draw(&Text::new(text.to_owned(), at, style)).map_err(drawing)
}

/// Each program has a shape of its own.
fn mark(program: Program, at: (i32, i32), theme: Theme, root: &Root) -> Result<()> {
    let style = theme.of(program).filled();
    let (x, y) = at;
    let result = match program {
        Program::Ours => root.draw(&Circle::new(at, RADIUS, style)),
        Program::Erofs => root.draw(&TriangleMarker::new(at, RADIUS + 2, style)),
        Program::Squashfs => {
            let corners = [(x - RADIUS, y - RADIUS), (x + RADIUS, y + RADIUS)];
            root.draw(&Rectangle::new(corners, style))
        }
        Program::Ext4 => {
            let far = RADIUS + 2;
            root.draw(&Polygon::new(
                [(x - far, y), (x, y - far), (x + far, y), (x, y + far)],
                style,
            ))
        }
    };
    result.map_err(drawing)
}

/// Adds a title and a description for those who do not see it.
fn described(svg: &str, measured: &Measured) -> Result<String> {
    let (start, rest) = svg.split_once('>').context("no SVG")?;
    let corpus = &measured.corpus;
    let title = format!("Build time and size of images of {}", corpus.name);
    let each = measured.modes.iter().map(|row| {
        let (program, seconds, size) = (row.program.name(), row.build, megabytes(row));
        format!("{program}, {}: {seconds:.2} s, {size:.1} MB", row.label)
    });
    let each = each.collect::<Vec<_>>().join("; ");
    Ok(format!(
        "{start} role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">{}</title>\n\
         <desc id=\"description\">{}.</desc>{rest}",
        escaped(&title),
        escaped(&each),
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
