//! Plots with two logarithmic axes, as SVG, and no more of it than that needs.

use std::fmt::Write;

pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

pub struct Plot {
    pub title: &'static str,
    pub x: &'static str,
    pub y: &'static str,
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
/// The room around the axes: left, right (with the names), top, bottom.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 120.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// Okabe and Ito's colours: told apart by colour-blind readers too. The first line is ours, and black.
const COLOURS: [&str; 8] = ["#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#999999"];

/// Whole powers of ten around all values.
struct Axis {
    low: i32,
    high: i32,
    from: f64,
    to: f64,
}

impl Axis {
    fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Axis {
        let logs: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::log10).collect();
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if logs.is_empty() {
            return Axis { low: 0, high: 1, from, to };
        }
        let low = low.floor() as i32;
        Axis { low, high: (high.ceil() as i32).max(low + 1), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + part * (self.to - self.from)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low..=self.high).map(|power| 10f64.powi(power))
    }
}

impl Plot {
    pub fn svg(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| line.points.iter());
        let x = Axis::around(all().map(|point| point.0), LEFT, WIDTH - RIGHT);
        let y = Axis::around(all().map(|point| point.1), HEIGHT - BOTTOM, TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n",
            self.title
        );
        for tick in x.ticks() {
            let (at, bottom) = (x.place(tick), HEIGHT - BOTTOM);
            let _ = writeln!(svg, "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#dddddd\"/>");
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                tick_name(tick)
            );
        }
        for tick in y.ticks() {
            let (at, right) = (y.place(tick), WIDTH - RIGHT);
            let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#dddddd\"/>");
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                tick_name(tick)
            );
        }
        let (middle, under) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12.0);
        let _ = writeln!(svg, "<text x=\"{middle}\" y=\"{under}\" text-anchor=\"middle\">{}</text>", self.x);
        let half = (TOP + HEIGHT - BOTTOM) / 2.0;
        let _ = writeln!(
            svg,
            "<text transform=\"translate(16 {half}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            self.y
        );
        self.draw(&mut svg, &x, &y);
        svg.push_str("</svg>\n");
        svg
    }

    fn draw(&self, svg: &mut String, x: &Axis, y: &Axis) {
        // Names stand at the ends of their lines, from the top down, and push each other aside.
        let mut names: Vec<(f64, &str, &str)> = Vec::new();
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let Some(last) = line.points.last() else { continue };
            let places: Vec<String> =
                line.points.iter().map(|point| format!("{:.1} {:.1}", x.place(point.0), y.place(point.1))).collect();
            let _ = writeln!(
                svg,
                "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                places.join("L")
            );
            for point in &line.points {
                let (cx, cy) = (x.place(point.0), y.place(point.1));
                let _ = writeln!(svg, "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\" fill=\"{colour}\"/>");
            }
            names.push((y.place(last.1), line.name, colour));
        }
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = TOP;
        for (at, name, colour) in names {
            let at = at.max(free);
            free = at + 14.0;
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>",
                WIDTH - RIGHT + 10.0,
                at + 4.0
            );
        }
    }
}

/// `10`, `1 k`, `1 G`, `0.1`.
fn tick_name(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{} G", v / 1e9),
        v if v >= 1e6 => format!("{} M", v / 1e6),
        v if v >= 1e4 => format!("{} k", v / 1e3),
        v => format!("{v}"),
    }
}
