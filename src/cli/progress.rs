//! How a long command shows that it is alive: a bar on a terminal, a line per stage otherwise.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::style::TemplateError;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How the progress of all stages of a command is shown, on standard error.
#[derive(Clone)]
pub struct Progress(Shown);

#[derive(Clone)]
enum Shown {
    Nothing,
    Lines(Arc<Mutex<dyn Write + Send>>),
    Bars,
}

impl Progress {
    /// Bars where standard error is a terminal, else lines; nothing where `quiet`.
    pub fn new(quiet: bool) -> Self {
        let shown = match (quiet, io::stderr().is_terminal()) {
            (true, _) => Shown::Nothing,
            (false, true) => Shown::Bars,
            (false, false) => Shown::Lines(Arc::new(Mutex::new(io::stderr()))),
        };
        Self(shown)
    }

    /// Lines to a writer of one's own.
    pub fn to_writer(writer: Arc<Mutex<dyn Write + Send>>) -> Self {
        Self(Shown::Lines(writer))
    }

    /// Begins a stage: `stage("attacking with pgd", 1000, "images")`.
    pub fn stage(&self, doing: &str, total: u64, unit: &'static str) -> Stage {
        let bar = match &self.0 {
            Shown::Bars => Some(bar(doing, total, unit)),
            Shown::Nothing | Shown::Lines(_) => None,
        };
        Stage { shown: self.0.clone(), bar, doing: doing.to_owned(), unit, done: 0, started: Instant::now() }
    }

    /// Says something between stages.
    pub fn note(&self, text: &str) {
        match &self.0 {
            Shown::Nothing => {}
            Shown::Lines(writer) => line(writer, text),
            Shown::Bars => eprintln!("{text}"),
        }
    }
}

/// A stage under way. Dropping it unfinished (on an error) takes its bar away and says nothing.
pub struct Stage {
    shown: Shown,
    bar: Option<ProgressBar>,
    doing: String,
    unit: &'static str,
    done: u64,
    started: Instant,
}

impl Stage {
    /// `count` more are done.
    pub fn advance(&mut self, count: u64) {
        self.set(self.done + count);
    }

    /// `done` are done by now.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    /// Shows something at the end of the bar, such as the loss. Not shown where there are only lines.
    pub fn message(&self, text: impl fmt::Display) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_string());
        }
    }

    /// Says something without disturbing the bar.
    pub fn note(&self, text: &str) {
        match (&self.shown, &self.bar) {
            (Shown::Lines(writer), _) => line(writer, text),
            (_, Some(bar)) => bar.suspend(|| eprintln!("{text}")),
            _ => {}
        }
    }

    /// Says something if there is something to say.
    pub fn note_some(&self, text: Option<String>) {
        text.iter().for_each(|text| self.note(text));
    }

    /// Ends the stage with one line: what was done, how much of it, how long it took.
    pub fn finish(self) {
        self.finish_with("");
    }

    /// As [`finish`](Self::finish), with an outcome at its end.
    pub fn finish_with(mut self, outcome: &str) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let text = self.summary(self.started.elapsed(), outcome);
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines(writer) => line(writer, &text),
            Shown::Bars => eprintln!("{text}"),
        }
    }

    fn summary(&self, elapsed: Duration, outcome: &str) -> String {
        let Self { doing, unit, done, .. } = self;
        let seconds = elapsed.as_secs_f64();
        let rate = if seconds > 0.0 { *done as f64 / seconds } else { 0.0 };
        let separator = if outcome.is_empty() { "" } else { ": " };
        format!("{doing}: {done} {unit} in {} ({rate:.1}/s){separator}{outcome}", duration(elapsed))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(doing: &str, total: u64, unit: &'static str) -> ProgressBar {
    let style = style(unit).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(8));
    bar.set_style(style);
    bar.set_prefix(doing.to_owned());
    // So that the clock moves within a long step, too.
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn style(unit: &str) -> Result<ProgressStyle, TemplateError> {
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        // A bar that cannot be formatted is not worth an error.
        let _ = write!(out, "{:.1}/s", state.per_sec());
    };
    let template =
        format!("{{prefix}} {{bar:24}} {{human_pos}}/{{human_len}} {unit} {{rate}} {{eta}} left {{msg}}");
    Ok(ProgressStyle::with_template(&template)?.with_key("rate", rate))
}

/// Progress that cannot be shown must not end the work it tells of.
fn line(writer: &Mutex<dyn Write + Send>, text: &str) {
    if let Ok(mut writer) = writer.lock() {
        let _ = writeln!(writer, "{text}");
    }
}

/// `12.3 s`, `4 min 05 s`, `2 h 07 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected() -> (Progress, Arc<Mutex<Vec<u8>>>) {
        let text = Arc::new(Mutex::new(Vec::new()));
        (Progress::to_writer(text.clone()), text)
    }

    fn text(bytes: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(bytes.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_stage_is_one_line() {
        let (progress, written) = collected();
        let mut stage = progress.stage("attacking with pgd", 100, "images");
        stage.advance(60);
        stage.advance(40);
        stage.message("not shown");
        stage.finish_with("31 broken");
        let text = text(&written);
        assert!(text.starts_with("attacking with pgd: 100 images in "), "{text}");
        assert!(text.ends_with("/s): 31 broken\n"), "{text}");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn an_unfinished_stage_says_nothing_and_notes_are_lines() {
        let (progress, written) = collected();
        progress.note("planned peak: 12 MiB");
        let stage = progress.stage("training", 10, "steps");
        stage.note("epoch 1: loss 2.3");
        drop(stage);
        assert_eq!(text(&written), "planned peak: 12 MiB\nepoch 1: loss 2.3\n");
    }

    #[test]
    fn the_bar_of_a_terminal_can_be_drawn() {
        assert!(style("images").is_ok());
    }

    #[test]
    fn durations_are_written_for_readers() {
        let written = [0.04, 59.4, 59.6, 245.0, 3599.9, 7620.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(written, ["0.0 s", "59.4 s", "1 min 00 s", "4 min 05 s", "1 h 00 min", "2 h 07 min"]);
    }
}
