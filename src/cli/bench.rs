//! `bench`: kernels and steps on this machine.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::args::BenchArgs;
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::{Error, Global, device, output};
use crate::bench::{self, Case, Measurement};
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
    let all = bench::cases(args.net, args.batch.map(NonZeroUsize::get));
    let cases = chosen(all, args.filter.as_deref().unwrap_or_default())?;
    let device = match &args.variant {
        Some(name) => device::open_with_kernels(global, name)?,
        None => device::open(global)?,
    };
    let interrupt = Interrupt::install()?;
    let progress = Progress::new(global.quiet);
    let release = !cfg!(debug_assertions);
    if !release {
        progress.note("this is not a release build, whose speed says little");
    }
    let mut stage = progress.stage(&format!("timing on {device}"), cases.len() as u64, "cases");
    let mut measurements = Vec::new();
    let measure = |case: &Case| case.measure(&device, args.profile && case.is_step());
    for case in &cases {
        interrupt.check()?;
        stage.message(&case.name);
        let doing = format!("cannot time {}", case.name);
        measurements.push(measure(case).map_err(Error::failed(doing))?);
        stage.advance(1);
    }
    stage.finish();
    let device = device.to_string();
    let profiles = measurements.iter().filter_map(profile);
    let text = text(&device, &measurements) + &profiles.collect::<String>();
    output::result(global, "bench", &text, &Benchmarks { device, release, measurements })
}

/// The case that is called `filter`, or all that have it in their names.
fn chosen(all: Vec<Case>, filter: &str) -> Result<Vec<Case>, Error> {
    let named = all.iter().any(|case| case.name == filter);
    let is_chosen = |name: &str| if named { name == filter } else { name.contains(filter) };
    let (chosen, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|case| is_chosen(&case.name));
    if chosen.is_empty() {
        let names: Vec<String> = others.into_iter().map(|case| case.name).collect();
        let names = names.join(", ");
        return Err(Error::Usage(format!("no benchmark has `{filter}` in its name: there are {names}")));
    }
    Ok(chosen)
}

fn text(device: &str, measurements: &[Measurement]) -> String {
    let row = |measured: &Measurement| {
        vec![
            measured.name.clone(),
            seconds(measured.first_seconds),
            seconds(measured.median_seconds),
            seconds(measured.fastest_seconds),
            format!("{} {:8}", significant(measured.rate.value), measured.rate.unit),
        ]
    };
    let headers = ["", "first", "median", "fastest", "rate"].map(str::to_owned).to_vec();
    let table = Columns { headers, rows: measurements.iter().map(row).collect(), left: 1 };
    format!("{device}\n\n{}", table.aligned())
}

/// Where the time of a step goes: shares are of its whole time, so that what is missing from 100 % is spent between
/// kernels.
fn profile(measured: &Measurement) -> Option<String> {
    let profile = measured.profile.as_ref()?;
    let row = |label: &str, launches: usize, spent: f64| {
        let share = format!("{:.1} %", 100.0 * spent / profile.wall_seconds);
        vec![label.to_owned(), launches.to_string(), seconds(spent), share]
    };
    let kernels = &profile.kernels;
    let mut rows: Vec<_> =
        kernels.iter().map(|kernel| row(kernel.label, kernel.launches, kernel.seconds)).collect();
    let launches = kernels.iter().map(|kernel| kernel.launches).sum();
    rows.push(row("all kernels", launches, profile.kernel_seconds));
    let headers = ["", "launches", "time", "share"].map(str::to_owned).to_vec();
    let table = Columns { headers, rows, left: 1 }.aligned();
    Some(format!("\n{}, {} by kernel\n\n{table}", measured.name, seconds(profile.wall_seconds)))
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
    use crate::bench::{Kernel, Profile, Rate};

    fn measured(
        name: &str,
        [first, median, fastest]: [f64; 3],
        value: f64,
        unit: &'static str,
    ) -> Measurement {
        Measurement {
            name: name.to_owned(),
            first_seconds: first,
            median_seconds: median,
            fastest_seconds: fastest,
            samples: 3,
            rate: Rate { value, unit },
            profile: None,
        }
    }

    #[test]
    fn times_and_rates_stand_under_each_other() {
        let measurements = [
            measured("conv2d 8x8 64->64", [0.012, 0.001_234_5, 0.000_98], 123.4, "GFLOP/s"),
            measured("resnet20 training step", [2.25, 1.5, 1.0], 21.333, "images/s"),
        ];
        let expected = "\
cpu (2 threads)

                          first   median  fastest           rate
────────────────────────────────────────────────────────────────
conv2d 8x8 64->64       12.0 ms  1.23 ms   980 µs   123 GFLOP/s
resnet20 training step   2.25 s   1.50 s   1.00 s  21.3 images/s
";
        assert_eq!(text("cpu (2 threads)", &measurements), expected);
    }

    #[test]
    fn profiles_show_shares_of_the_whole_time() {
        let plain = measured("resnet20 evaluation", [1.0; 3], 32.0, "images/s");
        assert_eq!(profile(&plain), None);
        let kernel = |label, launches, seconds| Kernel { label, launches, seconds };
        let kernels = vec![kernel("conv2d", 19, 0.75), kernel("pool", 1, 0.001_5)];
        let profiled = Profile { wall_seconds: 1.0, kernel_seconds: 0.7515, kernels };
        let expected = "
resnet20 evaluation, 1.00 s by kernel

             launches     time   share
──────────────────────────────────────
conv2d             19   750 ms  75.0 %
pool                1  1.50 ms   0.1 %
all kernels        20   752 ms  75.1 %
";
        assert_eq!(profile(&Measurement { profile: Some(profiled), ..plain }).as_deref(), Some(expected));
    }
}
