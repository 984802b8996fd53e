//! Downloads, against an HTTP server of this file on 127.0.0.1.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};
use unperturb_data::fetch::{self, Archive, Progress, Stage};
use unperturb_data::{DataError, Split, open};

/// What the server does with one connection.
#[derive(Clone, Debug)]
enum Answer {
    /// All of the file, or from where the request asks for it.
    Honest,
    /// As `Honest`, but the connection breaks off after so many bytes of the body.
    CutAfter(usize),
    /// The whole file whatever the request asks for.
    IgnoreRange,
    /// Another part of the file than asked for.
    WrongRange,
    /// Only a status.
    Status(&'static str),
}

/// A server that answers one connection after the other as told, and reports the range each asked for.
struct Server {
    address: String,
    requests: Receiver<Option<usize>>,
}

impl Server {
    fn start(file: Vec<u8>, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/sets", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                serve(stream, &file, &answer, &sender);
            }
        });
        Self { address, requests }
    }

    /// The first byte that each request so far asked for.
    fn ranges(&self) -> Vec<Option<usize>> {
        self.requests.try_iter().collect()
    }
}

fn serve(mut stream: TcpStream, file: &[u8], answer: &Answer, ranges: &Sender<Option<usize>>) {
    let mut range = None;
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let request = lines.next().unwrap();
    assert_eq!(request, "GET /sets/set.tar.gz HTTP/1.1");
    for line in lines.take_while(|line| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        if let Some(bytes) = line.strip_prefix("range: bytes=") {
            range = Some(bytes.strip_suffix('-').unwrap().parse().unwrap());
        }
    }
    ranges.send(range).unwrap();
    let start = match answer {
        Answer::IgnoreRange => None,
        Answer::WrongRange => range.map(|start| start + 1),
        _ => range,
    };
    let body = &file[start.unwrap_or(0)..];
    let status = match (answer, start) {
        (Answer::Status(status), _) => status.to_string(),
        (_, Some(start)) => {
            format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{}", file.len() - 1, file.len())
        }
        (_, None) => "200 OK".into(),
    };
    let body = if matches!(answer, Answer::Status(_)) { &[] } else { body };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let sent = match answer {
        Answer::CutAfter(bytes) => &body[..*bytes],
        _ => body,
    };
    // A client that has seen enough may hang up first.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
}

/// A `.tar.gz` of entries (kind, path, content); the paths are written as they are, without any check.
fn tar_gz(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for &(kind, path, content) in entries {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc").unwrap();
        }
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// A data set in CIFAR-10's binary form whose pictures do not compress, so that it takes several reads.
fn sample() -> Vec<u8> {
    let mut state = 1u32;
    let mut records = |labels: &[u8]| -> Vec<u8> {
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        labels
            .iter()
            .flat_map(|&label| [vec![label], (0..3072).map(|_| noise()).collect()].concat())
            .collect()
    };
    let files: Vec<_> = (1..6).map(|i| (format!("set/data_batch_{i}.bin"), records(&[i; 20]))).collect();
    let mut entries: Vec<(EntryType, &str, &[u8])> = vec![(EntryType::Directory, "set/", &[])];
    entries.extend(files.iter().map(|(path, content)| (EntryType::Regular, &path[..], &content[..])));
    tar_gz(&entries)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn archive<'a>(file: &[u8], sha256: &'a str) -> Archive<'a> {
    Archive { name: "set", file: "set.tar.gz", folder: "set", bytes: file.len() as u64, sha256 }
}

/// Fetches `file` from a server with these answers; gives the result and the ranges asked for.
fn fetched(file: &[u8], answers: Vec<Answer>, dir: &Path) -> (Result<(), DataError>, Vec<Option<usize>>) {
    let server = Server::start(file.to_vec(), answers);
    let sum = sha256(file);
    let result = fetch::fetch(&archive(file, &sum), &server.address, dir, &mut |_| {});
    if let Ok(folder) = &result {
        assert_eq!(folder, &dir.join("set"));
        assert_eq!(open(folder, Split::Train).unwrap().len(), 100);
    }
    (result.map(|_| ()), server.ranges())
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_whole_download_leaves_the_data_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = sample();
    let server = Server::start(file.clone(), vec![Answer::Honest]);
    let sum = sha256(&file);
    let mut seen: Vec<Progress> = Vec::new();
    let folder =
        fetch::fetch(&archive(&file, &sum), &server.address, dir.path(), &mut |p| seen.push(p)).unwrap();
    assert_eq!(open(&folder, Split::Train).unwrap().labels()[19..21], [1, 2]);
    assert_eq!(names(dir.path()), ["set"]);
    for stage in [Stage::Download, Stage::Verify, Stage::Unpack] {
        let steps: Vec<_> = seen.iter().filter(|p| p.stage == stage).collect();
        assert!(steps.len() > 2 && steps.is_sorted_by_key(|p| p.done), "{stage:?}");
        assert!(steps.iter().all(|p| p.total == file.len() as u64));
        assert_eq!(steps.last().unwrap().done, file.len() as u64, "{stage:?}");
    }
    // Once it is there, no server is asked.
    fetch::fetch(&archive(&file, &sum), "http://127.0.0.1:1", dir.path(), &mut |_| {}).unwrap();
}

#[test]
fn a_cut_connection_is_taken_up_where_it_broke() {
    let dir = tempfile::tempdir().unwrap();
    let answers = vec![Answer::CutAfter(100_000), Answer::CutAfter(50_000), Answer::Honest];
    let (result, ranges) = fetched(&sample(), answers, dir.path());
    result.unwrap();
    assert_eq!(ranges, [None, Some(100_000), Some(150_000)]);
}

#[test]
fn a_download_that_was_killed_goes_on_in_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = sample();
    fs::write(dir.path().join("set.tar.gz.part"), &file[..77_777]).unwrap();
    let (result, ranges) = fetched(&file, vec![Answer::Honest], dir.path());
    result.unwrap();
    assert_eq!(ranges, [Some(77_777)]);
    assert_eq!(names(dir.path()), ["set"]);
}

#[test]
fn a_server_that_knows_no_ranges_sends_all_of_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let (result, ranges) =
        fetched(&sample(), vec![Answer::CutAfter(100_000), Answer::IgnoreRange], dir.path());
    result.unwrap();
    assert_eq!(ranges, [None, Some(100_000)]);
}

#[test]
fn a_server_that_sends_another_part_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (result, _) = fetched(&sample(), vec![Answer::CutAfter(100_000), Answer::WrongRange], dir.path());
    assert!(matches!(result, Err(DataError::Download { .. })));
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (result, ranges) = fetched(&sample(), vec![Answer::CutAfter(1000); 6], dir.path());
    let message = result.unwrap_err().to_string();
    assert!(message.contains("broke off 6 times") && message.contains("again"), "{message}");
    assert_eq!(ranges.len(), 6);
    assert_eq!(fs::metadata(dir.path().join("set.tar.gz.part")).unwrap().len(), 6000);
}

#[test]
fn a_wrong_checksum_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let file = sample();
    let mut damaged = file.clone();
    damaged[60_000] ^= 1;
    let server = Server::start(damaged, vec![Answer::Honest]);
    let sum = sha256(&file);
    let error = fetch::fetch(&archive(&file, &sum), &server.address, dir.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, DataError::Checksum { .. }));
    let message = error.to_string();
    assert!(message.contains(&sum) && message.contains("try again"), "{message}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_file_of_another_length_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = sample();
    let server = Server::start([&file[..], b"more"].concat(), vec![Answer::Honest]);
    let sum = sha256(&file);
    let error = fetch::fetch(&archive(&file, &sum), &server.address, dir.path(), &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains("sends more than"), "{error}");
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn a_refusal_and_a_missing_server_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (result, _) = fetched(&sample(), vec![Answer::Status("404 Not Found")], dir.path());
    let message = result.unwrap_err().to_string();
    assert!(message.contains("404") && message.contains("set.tar.gz"), "{message}");
    assert_eq!(names(dir.path()), [""; 0]);

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sum = sha256(b"");
    let address = format!("http://127.0.0.1:{port}");
    let error = fetch::fetch(&archive(b"x", &sum), &address, dir.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, DataError::Download { .. }));
    assert!(error.to_string().contains("check the network"), "{error}");
}

#[test]
fn an_archive_that_lies_there_is_used_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = sample();
    fs::write(dir.path().join("set.tar.gz"), &file).unwrap();
    let (result, ranges) = fetched(&file, vec![], dir.path());
    result.unwrap();
    assert!(ranges.is_empty());
    assert_eq!(names(dir.path()), ["set", "set.tar.gz"]);
}

#[test]
fn an_archive_that_would_write_elsewhere_writes_nothing() {
    let outer = tempfile::tempdir().unwrap();
    let good: (EntryType, &str, &[u8]) = (EntryType::Regular, "set/data_batch_1.bin", b"fine");
    let evil: [(EntryType, &str); 8] = [
        (EntryType::Regular, "../escaped"),
        (EntryType::Regular, "set/../../escaped"),
        (EntryType::Regular, "/tmp/unperturb-escaped"),
        (EntryType::Regular, "other/escaped"),
        (EntryType::Directory, "../escaped/"),
        (EntryType::Symlink, "set/link"),
        (EntryType::Link, "set/link"),
        (EntryType::Fifo, "set/pipe"),
    ];
    for (kind, path) in evil {
        let dir = outer.path().join("dir");
        let file = tar_gz(&[good, (kind, path, if kind == EntryType::Regular { b"evil" } else { b"" })]);
        let (result, _) = fetched(&file, vec![Answer::Honest], &dir);
        let error = result.unwrap_err();
        assert!(matches!(error, DataError::Corrupt { .. }), "{path}: {error}");
        assert_eq!(names(outer.path()), ["dir"], "{path}");
        assert_eq!(names(&dir), ["set.tar.gz"], "{path}");
        assert!(!Path::new("/tmp/unperturb-escaped").exists());
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn a_damaged_archive_unpacks_to_nothing() {
    for file in [sample()[..200_000].to_vec(), b"no gzip at all".to_vec(), tar_gz(&[])] {
        let dir = tempfile::tempdir().unwrap();
        let (result, _) = fetched(&file, vec![Answer::Honest], dir.path());
        let error = result.unwrap_err();
        assert!(matches!(error, DataError::Corrupt { .. }), "{error}");
        assert_eq!(names(dir.path()), ["set.tar.gz"]);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let occupied = dir.path().join("a file");
    fs::write(&occupied, "").unwrap();
    let sum = sha256(b"");
    let error = fetch::fetch(&archive(b"x", &sum), "http://127.0.0.1:1", &occupied, &mut |_| {}).unwrap_err();
    assert!(matches!(error, DataError::Write { .. }));
    assert!(error.to_string().contains("a file"), "{error}");
}

#[test]
fn names_are_known_or_listed() {
    assert_eq!(fetch::archive("cifar100").unwrap().folder, "cifar-100-binary");
    let message = fetch::archive("mnist").unwrap_err().to_string();
    assert!(message.contains("mnist") && message.contains("cifar10 or cifar100"), "{message}");
    for archive in fetch::ARCHIVES {
        assert!(archive.sha256.len() == 64 && archive.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
