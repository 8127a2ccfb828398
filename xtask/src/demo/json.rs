//! The report for programs.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::report::Report;
use super::timeline::points;

/// Times are in seconds, latencies in milliseconds.
pub(super) fn of(report: &Report) -> Result<Value> {
    let seconds = |time: Duration| time.as_secs_f64();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let course = &report.course;
    let recovery = &course.recovery;
    let phases = report.phases.iter().map(|phase| {
        json!({
            "phase": phase.phase.name(),
            "from": seconds(phase.from),
            "to": seconds(phase.to),
            "operations": phase.operations,
            "commands_per_second": phase.throughput(),
            "p50_ms": millis(phase.p50),
            "p99_ms": millis(phase.p99),
        })
    });
    let errors = report.errors.iter().map(
        |error| json!({ "kind": error.kind, "delivery": error.delivery, "count": error.count }),
    );
    let timeline = points(report)?.into_iter().map(|point| {
        json!({
            "at": seconds(point.at),
            "commands_per_second": point.throughput,
            "p99_ms": point.p99.map(millis),
        })
    });
    let marks = course
        .marks
        .iter()
        .map(|(at, what)| json!({ "at": seconds(*at), "what": what }));
    let audit = &report.audit;
    let failures = report.failures();
    Ok(json!({
        "passed": failures.is_empty(),
        "failures": failures,
        "warning": report.warning(),
        "server": report.server,
        "seconds": report.seconds,
        "operations": report.operations,
        "sent_to_replicas": report.replica_reads,
        "wrong_replies": report.wrong,
        "wrong_examples": report.wrong_examples,
        "absent_during_migration": report.absent,
        "redirects_surfaced": report.surfaced,
        "redirects_followed": report.redirects_followed,
        "reconnects": report.reconnects,
        "errors": errors.collect::<Vec<_>>(),
        "error_examples": report.error_examples,
        "hanging_tasks": report.hanging,
        "injuries": {
            "connections_killed": course.kills,
            "slots_moved": course.slots_moved,
            "keys_moved": course.keys_moved,
            "killed_at": seconds(course.killed_at),
        },
        "counters": {
            "ok": audit.ok,
            "ambiguous": audit.ambiguous,
            "applied": audit.applied,
            "outside_bounds": audit.outside,
            "examples": audit.examples,
            "lost_in_killed_shard": audit.lost,
        },
        "recovery": {
            "slots": recovery.slots,
            "first_write_after_kill": seconds(recovery.accepted.saturating_sub(course.killed_at)),
            "time": seconds(recovery.time()),
            "writes": seconds(recovery.written.saturating_sub(recovery.accepted)),
            "reads": seconds(recovery.read.saturating_sub(recovery.accepted)),
        },
        "phases": phases.collect::<Vec<_>>(),
        "marks": marks.collect::<Vec<_>>(),
        "timeline": timeline.collect::<Vec<_>>(),
    }))
}
