//! `bench`: kernels and steps on this machine.

use serde::Serialize;

use super::args::BenchArgs;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::{Error, Global, device, output};
use crate::bench::{self, Measurement};
use crate::report::columns::Columns;

/// The result, as JSON.
#[derive(Serialize)]
struct Benchmarks {
    device: String,
    /// A build without optimisation or with checks says little about speed.
    release: bool,
    measurements: Vec<Measurement>,
}

/// Runs the command.
pub fn run(global: &Global, args: &BenchArgs) -> Result<(), Error> {
    let filter = args.filter.as_deref().unwrap_or_default();
    let cases: Vec<_> = bench::cases().into_iter().filter(|case| case.name.contains(filter)).collect();
    if cases.is_empty() {
        let all: Vec<String> = bench::cases().into_iter().map(|case| case.name).collect();
        return Err(Error::Usage(format!(
            "no benchmark has `{filter}` in its name: there are {}",
            all.join(", ")
        )));
    }
    let device = device::open(global)?;
    let interrupt = Interrupt::install()?;
    let progress = Progress::new(global.quiet);
    let release = !cfg!(debug_assertions);
    if !release {
        progress.note("this is not a release build, whose speed says little");
    }
    let mut stage = progress.stage(&format!("timing on {device}"), cases.len() as u64, "cases");
    let mut measurements = Vec::new();
    for case in &cases {
        interrupt.check()?;
        stage.message(&case.name);
        let doing = format!("cannot time {}", case.name);
        measurements.push(case.measure(&device).map_err(Error::failed(doing))?);
        stage.advance(1);
    }
    stage.finish();
    let device = device.to_string();
    let text = text(&device, &measurements);
    output::result(global, "bench", &text, &Benchmarks { device, release, measurements })
}

fn text(device: &str, measurements: &[Measurement]) -> String {
    let row = |measured: &Measurement| {
        vec![
            measured.name.clone(),
            seconds(measured.median_seconds),
            seconds(measured.fastest_seconds),
            format!("{} {:8}", significant(measured.rate.value), measured.rate.unit),
        ]
    };
    let headers = ["", "median", "fastest", "rate"].map(str::to_owned).to_vec();
    let table = Columns { headers, rows: measurements.iter().map(row).collect(), left: 1 };
    format!("{device}\n\n{}", table.aligned())
}

/// With the unit in which it is a number from 1 to 1000.
fn seconds(seconds: f64) -> String {
    match seconds {
        ..1e-3 => format!("{} µs", significant(1e6 * seconds)),
        1e-3..1.0 => format!("{} ms", significant(1e3 * seconds)),
        _ => format!("{} s", significant(seconds)),
    }
}

/// Three digits, or all before the point.
fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Rate;

    #[test]
    fn times_and_rates_stand_under_each_other() {
        let measured = |name: &str, median_seconds, fastest_seconds, value, unit| Measurement {
            name: name.to_owned(),
            median_seconds,
            fastest_seconds,
            samples: 3,
            rate: Rate { value, unit },
        };
        let measurements = [
            measured("conv2d 8x8 64->64", 0.001_234_5, 0.000_98, 123.4, "GFLOP/s"),
            measured("resnet20 training step", 1.5, 1.0, 21.333, "images/s"),
        ];
        let expected = "\
cpu (2 threads)

                         median  fastest           rate
───────────────────────────────────────────────────────
conv2d 8x8 64->64       1.23 ms   980 µs   123 GFLOP/s
resnet20 training step   1.50 s   1.00 s  21.3 images/s
";
        assert_eq!(text("cpu (2 threads)", &measurements), expected);
    }
}
