//! One file over HTTP, into a `.part` file that a later call goes on with.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::{CHUNK, Progress, Stage};
use crate::{DataError, Result};

/// How often a connection that breaks off in the middle is made anew, and the first pause before that; each
/// pause is twice the one before.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How long a silent server is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How one connection ended.
enum Outcome {
    Complete,
    /// The connection broke off in the middle, for this reason.
    Cut(String),
}

/// Brings `part` to its full length of `total` bytes.
pub(super) fn download(url: &str, part: &Path, total: u64, progress: &mut dyn FnMut(Progress)) -> Result<()> {
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        .user_agent(concat!("unperturb/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut pause = FIRST_PAUSE;
    for attempt in 1.. {
        match connection(&agent, url, part, total, progress)? {
            Outcome::Complete => break,
            Outcome::Cut(reason) if attempt == TRIES => {
                let reason = format!(
                    "the connection broke off {TRIES} times, at last with {reason:?}; run the command again to go on"
                );
                return Err(DataError::Download { url: url.into(), reason });
            }
            Outcome::Cut(_) => {
                thread::sleep(pause);
                pause *= 2;
            }
        }
    }
    Ok(())
}

/// Makes one connection and takes from it what it gives.
fn connection(
    agent: &Agent,
    url: &str,
    part: &Path,
    total: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Outcome> {
    let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(DataError::write(part))?;
    let mut done = file.metadata().map_err(DataError::read(part))?.len();
    if done == total {
        return Ok(Outcome::Complete);
    }
    if done > total {
        done = restart(&file, part)?;
    }
    let failed = |reason: String| DataError::Download { url: url.into(), reason };

    let mut request = agent.get(url);
    if done > 0 {
        request = request.header(header::RANGE, format!("bytes={done}-"));
    }
    let response = request.call().map_err(|e| failed(format!("{e}; check the network and try again")))?;
    match response.status().as_u16() {
        200 if done > 0 => done = restart(&file, part)?,
        200 => {}
        206 if range_start(&response) == Some(done) => {}
        status => {
            // What is there may be why the server refuses, so that the next try begins anew.
            fs::remove_file(part).map_err(DataError::write(part))?;
            return Err(failed(format!("the server answers with status {status}; try again later")));
        }
    }

    let mut body = response.into_body().into_reader();
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match body.read(&mut chunk) {
            Ok(count) => count,
            Err(error) => return Ok(Outcome::Cut(error.to_string())),
        };
        if count == 0 {
            break;
        }
        done += count as u64;
        if done > total {
            fs::remove_file(part).map_err(DataError::write(part))?;
            return Err(failed(format!(
                "the server sends more than the {total} bytes of the published file"
            )));
        }
        file.write_all(&chunk[..count]).map_err(DataError::write(part))?;
        progress(Progress { stage: Stage::Download, done, total });
    }
    if done < total {
        return Ok(Outcome::Cut(format!("{done} of {total} bytes")));
    }
    file.sync_all().map_err(DataError::write(part))?;
    Ok(Outcome::Complete)
}

/// Empties the file; what follows is written from its beginning, since it is open for appending.
fn restart(file: &File, part: &Path) -> Result<u64> {
    file.set_len(0).map_err(DataError::write(part))?;
    Ok(0)
}

/// The first byte of a partial answer: `Content-Range: bytes FIRST-LAST/TOTAL`.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}
