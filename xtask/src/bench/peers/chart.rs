//! A measure as a picture: a panel for each row, a bar for each client.

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::figures::number;
use super::cell::{Cell, Measure};
use super::row::Place;
use super::table::{of_row, rows};

const FONT: &str = "sans-serif";
const COLUMNS: usize = 3;
/// Of a panel, and of the part of it that has the names.
const WIDTH: i32 = 420;
const NAMES: i32 = 130;
const TITLE: i32 = 30;
const BAR: i32 = 20;
/// The title of the whole.
const TOP: u32 = 44;

const OURS: RGBColor = RGBColor(200, 60, 40);
const THEIRS: RGBColor = RGBColor(120, 150, 190);
const LIMIT: RGBColor = RGBColor(190, 190, 190);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The picture of one place as SVG; `None` if no row there has the figure.
pub(super) fn draw(cells: &[Cell], place: Place, measure: Measure) -> Result<Option<String>> {
    let mut panels: Vec<Vec<&Cell>> = Vec::new();
    for row in rows(cells).into_iter().filter(|row| row.place == place) {
        let mut bars = of_row(cells, row);
        bars.retain(|cell| cell.figure(measure).is_some());
        if !bars.is_empty() {
            panels.push(bars);
        }
    }
    let Some(most) = panels.iter().map(Vec::len).max() else {
        return Ok(None);
    };
    let height = TITLE + BAR * most as i32 + 14;
    let lines = panels.len().div_ceil(COLUMNS);
    let columns = panels.len().min(COLUMNS);
    // Room for the title even over a single panel.
    let width = (WIDTH as u32 * columns as u32).max(520);
    let size = (width, TOP + height as u32 * lines as u32);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        let better = match measure.more_is_better() {
            Some(true) => "more is better",
            _ => "less is better",
        };
        let title = format!("{}, {}: {better}", measure.title(), place.name());
        let style = (FONT, 18).into_font().color(&BLACK);
        root.draw(&Text::new(title, (12, 12), style))?;
        for (index, bars) in panels.iter().enumerate() {
            let left = (index % COLUMNS) as i32 * WIDTH;
            let top = TOP as i32 + (index / COLUMNS) as i32 * height;
            panel(&root, (left, top), bars, measure)?;
        }
        root.present()?;
    }
    Ok(Some(svg))
}

fn panel(root: &Area<'_>, (left, top): (i32, i32), bars: &[&Cell], measure: Measure) -> Result<()> {
    let Some(first) = bars.first() else {
        return Ok(());
    };
    let workload = first.row.workload;
    let title = format!("{}: {}", workload.name(), workload.title());
    let bold = (FONT, 13).into_font().style(FontStyle::Bold).color(&BLACK);
    root.draw(&Text::new(title, (left + 12, top + 6), bold))?;
    let figures = bars
        .iter()
        .filter_map(|cell| Some((cell, cell.figure(measure)?)));
    let most = figures
        .clone()
        .map(|(_, [median, ..])| median)
        .fold(0.0, f64::max);
    // The longest bar leaves room for its figure.
    let room = f64::from(WIDTH - NAMES - 90);
    let plain = TextStyle::from((FONT, 12)).color(&BLACK);
    for (index, (cell, [median, ..])) in figures.enumerate() {
        let top = top + TITLE + index as i32 * BAR;
        let middle = top + BAR / 2;
        let name = plain.pos(Pos::new(HPos::Right, VPos::Center));
        root.draw(&Text::new(cell.peer.name, (left + NAMES - 6, middle), name))?;
        let share = if most > 0.0 { median / most } else { 0.0 };
        let right = left + NAMES + (share * room).round() as i32;
        let corners = [
            (left + NAMES, top + 3),
            (right.max(left + NAMES + 1), top + BAR - 3),
        ];
        let color = match cell.peer {
            peer if peer.is_ours() => OURS,
            peer if peer.is_rival() => THEIRS,
            _ => LIMIT,
        };
        root.draw(&Rectangle::new(corners, color.filled()))?;
        let figure = plain.pos(Pos::new(HPos::Left, VPos::Center));
        root.draw(&Text::new(number(median), (right + 5, middle), figure))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::cell::Round;
    use super::super::{peer, row};
    use super::*;

    #[test]
    fn every_client_with_a_figure_has_a_bar() {
        let row = row::choose(Some("W2-standalone")).unwrap()[0];
        let cell = |name: &str, cpu: f64| {
            let mut cell = Cell::new(row, peer::choose(Some(name)).unwrap()[0]);
            cell.rounds.push(Round {
                cpu,
                ..Round::default()
            });
            cell
        };
        let mut cells = [
            cell("slotline", 0.75),
            cell("fred", 2.5),
            cell("rustis", 1.25),
        ];
        cells[2].failed = Some("no".to_owned());
        let svg = draw(&cells, Place::Standalone, Measure::Cpu)
            .unwrap()
            .unwrap();
        for text in [
            "W2: 256 tasks",
            "slotline",
            "0.75",
            "fred",
            "2.50",
            "less is better",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains("rustis"));
        assert!(
            draw(&cells, Place::Cluster, Measure::Cpu)
                .unwrap()
                .is_none()
        );
        assert!(
            draw(&cells, Place::Standalone, Measure::P99)
                .unwrap()
                .is_none()
        );
    }
}
