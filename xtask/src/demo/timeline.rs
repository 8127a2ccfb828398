//! The run as a picture: throughput and p99 over time, each injury marked.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::course::Phase;
use super::report::{Report, latency};

/// The width of one point in time.
const BIN: Duration = Duration::from_millis(250);
const SIZE: (u32, u32) = (1280, 760);
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What was answered within one [`BIN`].
pub(super) struct Point {
    pub(super) at: Duration,
    /// Commands per second.
    pub(super) throughput: f64,
    /// Of whole pipelines; none if none was answered.
    pub(super) p99: Option<Duration>,
}

pub(super) fn points(report: &Report) -> Result<Vec<Point>> {
    // What is left at the end is less than a bin, and would look like a fall.
    let count = (report.course.end.as_micros() / BIN.as_micros()) as usize;
    let mut bins = Vec::with_capacity(count);
    for _ in 0..count {
        bins.push((0_u64, Histogram::<u64>::new(3)?));
    }
    for sample in &report.samples {
        let index = (sample.ended.as_micros() / BIN.as_micros()) as usize;
        if let Some((operations, latencies)) = bins.get_mut(index) {
            *operations += u64::from(sample.operations);
            latencies.record(latency(sample).as_micros() as u64)?;
        }
    }
    let points = bins
        .iter()
        .enumerate()
        .map(|(index, (operations, latencies))| {
            let p99 = Duration::from_micros(latencies.value_at_quantile(0.99));
            Point {
                at: BIN * index as u32 + BIN / 2,
                throughput: *operations as f64 / BIN.as_secs_f64(),
                p99: (!latencies.is_empty()).then_some(p99),
            }
        });
    Ok(points.collect())
}

/// The picture as SVG.
pub(super) fn draw(report: &Report) -> Result<String> {
    let points = points(report)?;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let title = format!(
            "slotline on {}: {} commands, {} wrong replies, {} redirects surfaced",
            report.server, report.operations, report.wrong, report.surfaced
        );
        let root = root.titled(&title, (FONT, 20))?;
        let (upper, lower) = root.split_vertically(SIZE.1 / 2);
        throughput(&upper, report, &points)?;
        latencies(&lower, report, &points)?;
        root.present()?;
    }
    Ok(svg)
}

fn throughput(area: &Area<'_>, report: &Report, points: &[Point]) -> Result<()> {
    let most = points.iter().map(|point| point.throughput / 1e3);
    // Room for the names above the line.
    let top = most.fold(1.0, f64::max) * 1.5;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(24)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..report.course.end.as_secs_f64(), 0.0..top)?;
    backdrop(&mut chart, report, (0.0, top))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .y_desc("thousand commands/s")
        .label_style((FONT, 13))
        .draw()?;
    let line = points
        .iter()
        .map(|point| (point.at.as_secs_f64(), point.throughput / 1e3));
    chart.draw_series(LineSeries::new(line, BLUE.stroke_width(2)))?;
    labels(&mut chart, report, top)
}

fn latencies(area: &Area<'_>, report: &Report, points: &[Point]) -> Result<()> {
    let millis = |time: Duration| (time.as_secs_f64() * 1e3).max(0.1);
    let known = || points.iter().filter_map(|point| point.p99.map(millis));
    let top = known().fold(10.0, f64::max) * 2.0;
    let bottom = known().fold(top, f64::min) / 2.0;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(
            0.0..report.course.end.as_secs_f64(),
            (bottom..top).log_scale(),
        )?;
    backdrop(&mut chart, report, (bottom, top))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("seconds")
        .y_desc("p99 of a pipeline, ms")
        .label_style((FONT, 13))
        .draw()?;
    // Where nothing was answered there is no point, and the line is broken.
    for run in points.split(|point| point.p99.is_none()) {
        let line = run
            .iter()
            .filter_map(|point| Some((point.at.as_secs_f64(), millis(point.p99?))));
        chart.draw_series(LineSeries::new(line, RED.stroke_width(2)))?;
    }
    Ok(())
}

type Chart<'a, 'b, Y> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<plotters::coord::types::RangedCoordf64, Y>>;

/// The phases as shades, the marks as lines.
fn backdrop<Y>(chart: &mut Chart<'_, '_, Y>, report: &Report, (low, high): (f64, f64)) -> Result<()>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let shades = report.phases.iter().map(|phase| {
        let corners = [
            (phase.from.as_secs_f64(), low),
            (phase.to.as_secs_f64(), high),
        ];
        Rectangle::new(corners, shade(phase.phase).filled())
    });
    chart.draw_series(shades)?;
    let marks = report.course.marks.iter().map(|(at, _)| {
        let at = at.as_secs_f64();
        PathElement::new([(at, low), (at, high)], BLACK.mix(0.5).stroke_width(1))
    });
    chart.draw_series(marks)?;
    Ok(())
}

/// The names of the phases at the top, those of the marks below them.
fn labels<Y>(chart: &mut Chart<'_, '_, Y>, report: &Report, top: f64) -> Result<()>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let bold = (FONT, 15).into_font().style(FontStyle::Bold).color(&BLACK);
    let names = report.phases.iter().map(|phase| {
        let at = (phase.from.as_secs_f64() + 0.1, top * 0.985);
        Text::new(phase.phase.name(), at, bold.clone())
    });
    chart.draw_series(names)?;
    let plain = TextStyle::from((FONT, 12)).color(&BLACK);
    let end = report.course.end.as_secs_f64();
    let marks = report.course.marks.iter().enumerate();
    let marks = marks.map(|(index, (at, what))| {
        let at = at.as_secs_f64();
        // One below the other, since some lie close together; to the left of the
        // line where there is no room to the right.
        let height = top * (0.92 - 0.05 * index as f64);
        let (side, gap) = if at > 0.85 * end {
            (HPos::Right, -0.003)
        } else {
            (HPos::Left, 0.003)
        };
        let style = plain.pos(Pos::new(side, VPos::Top));
        Text::new(what.clone(), (at + gap * end, height), style)
    });
    chart.draw_series(marks)?;
    Ok(())
}

fn shade(phase: Phase) -> RGBColor {
    match phase {
        Phase::Calm => RGBColor(245, 245, 245),
        Phase::Kills => RGBColor(255, 240, 205),
        Phase::Migration => RGBColor(222, 238, 255),
        Phase::Failover => RGBColor(235, 225, 255),
        Phase::Sigkill => RGBColor(255, 220, 220),
        Phase::Recovered => RGBColor(225, 248, 225),
    }
}
