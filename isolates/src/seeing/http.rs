//! As much of HTTP/1.1 as it takes to ask for a text and to answer with one, each on a connection of its own.
//!
//! Must not know what is asked for.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// A head longer than this is refused.
const MOST_HEAD_BYTES: usize = 8 << 10;
/// An answer longer than this is refused.
const MOST_BODY_BYTES: u64 = 256 << 20;
/// More headers than this are refused.
const MOST_HEADERS: usize = 64;

fn bad(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
}

/// Method and path of a request, which must have come within `limit`. The stream's reads must end by themselves.
pub(super) fn read_request(
    stream: &mut impl Read,
    limit: Duration,
) -> io::Result<(String, String)> {
    let until = Instant::now() + limit;
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    loop {
        let count = stream.read(&mut piece)?;
        head.extend_from_slice(&piece[..count]);
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        if request.parse(&head).map_err(bad)?.is_complete() {
            let word =
                |part: Option<&str>| part.map(str::to_owned).ok_or_else(|| bad("no request"));
            return Ok((word(request.method)?, word(request.path)?));
        }
        if count == 0 || head.len() > MOST_HEAD_BYTES || Instant::now() > until {
            return Err(bad("the request is incomplete or too long"));
        }
    }
}

/// Answer with a text.
pub(super) fn write_response(
    stream: &mut impl Write,
    status: &str,
    content_type: &str,
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.flush()
}

/// Ask for `path`.
pub(super) fn write_request(stream: &mut impl Write, host: &str, path: &str) -> io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())
}

/// The text that came as an answer.
///
/// # Errors
/// Also when the answer says that there is no such text.
pub(super) fn read_response(stream: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    stream.take(MOST_BODY_BYTES).read_to_end(&mut bytes)?;
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = response.parse(&bytes).map_err(bad)? else {
        return Err(bad("the answer is incomplete"));
    };
    if response.code != Some(200) {
        let reason = response.reason.unwrap_or("no reason");
        return Err(bad(format_args!("{} {reason}", response.code.unwrap_or(0))));
    }
    let length = response.headers.iter().find(|it| it.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|it| std::str::from_utf8(it.value).ok()?.trim().parse().ok());
    let body = &bytes[start..];
    if length.is_some_and(|length: usize| length != body.len()) {
        return Err(bad("the answer is incomplete"));
    }
    String::from_utf8(body.to_vec()).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    #[test]
    fn a_request_is_read_and_answered() {
        let mut sent = Vec::new();
        write_request(&mut sent, "localhost", "/metrics").expect("written");
        let read = read_request(&mut sent.as_slice(), SOON).expect("a request");
        assert_eq!(read, ("GET".to_owned(), "/metrics".to_owned()));
        let mut answer = Vec::new();
        write_response(&mut answer, "200 OK", "text/plain", "yes\n").expect("written");
        assert_eq!(read_response(&mut answer.as_slice()).expect("a text"), "yes\n");
        answer.pop();
        assert!(read_response(&mut answer.as_slice()).is_err(), "a byte is missing");
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(read_request(&mut &b"GET /"[..], SOON).is_err());
        assert!(read_request(&mut &b"\x16\x03\x01"[..], SOON).is_err());
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MOST_HEAD_BYTES));
        assert!(read_request(&mut long.as_bytes(), SOON).is_err());
        let mut answer = Vec::new();
        write_response(&mut answer, "404 Not Found", "text/plain", "no\n").expect("written");
        let error = read_response(&mut answer.as_slice()).expect_err("no text");
        assert_eq!(error.to_string(), "404 Not Found");
    }
}
