//! Hears everything that is said through `tracing`.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

/// A subscriber for one thread, at every level.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    /// The name of each span, and those that are entered now.
    spans: Vec<&'static str>,
    entered: Vec<Id>,
}

impl Ear {
    /// One that listens until the guard is dropped.
    pub(super) fn listening() -> (Ear, DefaultGuard) {
        let ear = Ear::default();
        let guard = tracing::subscriber::set_default(ear.clone());
        (ear, guard)
    }

    /// A line for each span (`TRACE + dial attempt=0 …`) and each event (`INFO dial
    /// message=… …`, with the span in which it was, or `-`), of this crate.
    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().lines.clone()
    }

    pub(super) fn text(&self) -> String {
        self.lines().join("\n")
    }

    fn note(&self, metadata: &Metadata<'_>, place: &str, record: impl FnOnce(&mut Line)) {
        assert_eq!(metadata.target(), "slotline_pool");
        let mut line = Line(format!("{} {place}", metadata.level()));
        record(&mut line);
        self.0.lock().unwrap().lines.push(line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("slotline")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let name = span.metadata().name();
        self.note(span.metadata(), &format!("+ {name}"), |line| {
            span.record(line);
        });
        let mut heard = self.0.lock().unwrap();
        heard.spans.push(name);
        Id::from_u64(heard.spans.len() as u64)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line("record".to_owned());
        values.record(&mut line);
        self.0.lock().unwrap().lines.push(line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let place = {
            let heard = self.0.lock().unwrap();
            let innermost = heard.entered.last();
            innermost.map_or("-", |id| heard.spans[id.into_u64() as usize - 1])
        };
        self.note(event.metadata(), place, |line| event.record(line));
    }

    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(id.clone());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.pop();
    }
}
