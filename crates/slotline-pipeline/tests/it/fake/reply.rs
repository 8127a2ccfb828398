//! Just enough of RESP to answer.

pub(super) fn ok() -> String {
    "+OK\r\n".to_owned()
}

pub(super) fn nil() -> String {
    "$-1\r\n".to_owned()
}

pub(super) fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

pub(super) fn integer(number: i64) -> String {
    format!(":{number}\r\n")
}

pub(super) fn error(line: &str) -> String {
    format!("-{line}\r\n")
}

pub(super) fn array(parts: &[String]) -> String {
    format!("*{}\r\n{}", parts.len(), parts.concat())
}
