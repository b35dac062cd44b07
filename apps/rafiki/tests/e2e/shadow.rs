//! `rafiki shadow` between a client and two servers of one answer each.
//! How answers are compared is tested in `answer-comparison`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::{block_on, until};

use crate::institutions::BINARY;

const PAYMENT: &str = "0a64a2f5-8f3b-4c8f-9d57-1a2f3b4c5d6e";

/// A server that answers every request with this payment. It ends with the process of the test.
fn answering(received: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = format!(
        r#"{{"id":"https://bank.example/outgoing-payments/{PAYMENT}","publicName":"Alice","receiveAmount":{{"value":"{received}","assetCode":"USD","assetScale":2}}}}"#
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    port
}

#[test]
fn the_shadow_relays_the_old_answer_and_names_the_payment_of_a_rounding_change() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("shadow.log");
        let (old, ours) = (answering("1043"), answering("1042"));
        let mut child = Command::new(BINARY)
            .args(["shadow", "--pair", &format!("0=http://127.0.0.1:{old}=http://127.0.0.1:{ours}")])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let output = || std::fs::read_to_string(&log).unwrap();
        let ready =
            until(Duration::from_mins(1), || async { output().contains("ready\n").then(output) }).await.unwrap();
        let address = ready.split_once("http://").unwrap().1.split(' ').next().unwrap().to_owned();

        let mut client = TcpStream::connect(address).unwrap();
        let request = format!(
            "GET /outgoing-payments/{PAYMENT} HTTP/1.1\r\nhost: bank.example\r\nx-request-id: mine-1\r\nconnection: close\r\n\r\n"
        );
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""value":"1043""#), "{answer}");

        let line =
            format!("outgoing-payments {PAYMENT}: receiveAmount: 1043 USD/2 there, 1042 USD/2 here (1 less here)");
        let printed = until(Duration::from_mins(1), || async { output().contains(&line).then(output) }).await;
        let printed = printed.unwrap_or_else(|| panic!("{}", output()));
        assert!(printed.contains(&format!("request mine-1 GET /outgoing-payments/{PAYMENT}")), "{printed}");
        assert!(!printed.contains("Alice"), "{printed}");

        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(1), "something differed");
        assert!(
            output().contains("New installation: 0 equal, 0 equal after a repetition, 1 different"),
            "{}",
            output()
        );
    });
}
