//! Upstreams by HTTP: what is said of mistakes.

use super::{faults_of, warnings_of};

#[test]
fn every_mistake_in_an_upstream_by_http_is_told_with_what_to_do() {
    const HTTP: &str = "type = 'http'\nurl = 'http://127.0.0.1:1/in'\n";
    let table = [
        (
            "type = 'http'",
            "url: is missing; write where events are posted to, such as \"https://example.com/events\"",
        ),
        (
            "type = 'http'\nurl = ''",
            "url: this is no URL; write one such as \"https://example.com/events\"",
        ),
        (
            "type = 'http'\nurl = 'web/in'",
            "url: this is no URL; write one such as \"https://example.com/events\"",
        ),
        (
            "type = 'http'\nurl = 'mqtt://web/in'",
            "url: \"mqtt\" is not spoken here; write https:// or http://",
        ),
        (
            "type = 'http'\nurl = 'https://me:seekrit@web/in'",
            "url: a password in the URL would be shown; write token = \"...\", or headers = { Authorization = \"Basic ...\" }",
        ),
        (
            "type = 'http'\nurl = 'http://localhost:7000/'\n[listener.dtu]\naddress = '0.0.0.0:7000'",
            "url: \"localhost:7000\" is where listener.dtu listens; write the web server's address",
        ),
        (
            "address = 'web:1'\nurl = 'https://web/in'",
            "url: a url is for type = \"http\"; write type = \"http\", or address = \"host:port\"",
        ),
        (
            "address = 'web:1'\nformat = 'json-array'",
            "format: \"json-array\" is for type = \"http\"; write \"json-lines\"",
        ),
        (
            "~mode = 'accept'",
            "mode: with type = \"http\" we send requests to the web server; write mode = \"dial\"",
        ),
        (
            "~format = 'node'\nack = false",
            "format: \"node\" has no offsets that a request could acknowledge; write \"json-lines\" or \"json-array\"",
        ),
        (
            "~ack = false",
            "ack: the answer to each request acknowledges its events; write ack = true",
        ),
        (
            "~headers = { 'X Site' = 'a' }",
            "headers.\"X Site\": this is no name of a header; write letters, digits and hyphens, such as X-Site",
        ),
        (
            "~headers = { content-Type = 'a' }",
            "headers.content-Type: tetherd writes this header itself; remove it",
        ),
        (
            "~headers = { X-Tetherd-Next = '1' }",
            "headers.X-Tetherd-Next: tetherd writes this header itself; remove it",
        ),
        (
            "~headers = { X-Key = \"seekrit\\nmore\" }",
            "headers.X-Key: a header's value is one line of visible ASCII signs; write it so",
        ),
        (
            "~headers = { X-Key = 12345 }",
            "headers.X-Key: the hidden value does not fit here; write text in quotes",
        ),
        (
            "~headers = { authorization = 'seekrit' }\ntoken = 'seekrit'",
            "headers.authorization: a token is written, too, and there is one Authorization only; remove one of them",
        ),
        ("~token = ''", "token: is empty; write a secret, or remove it"),
        (
            "~token = \"seek\\nrit\"",
            "token: goes into a header; write one line of visible ASCII signs",
        ),
        (
            "~token = 'seekrit'\ntoken_file = '/t'",
            "token: token_file says it already; remove one of them",
        ),
        ("~token_file = ''", "token_file: is empty; write a file's path, or remove it"),
        (
            "~token_file = 'token'",
            "token_file: \"token\" is relative to nothing: there is no configuration folder and no $STATE_DIRECTORY; write the whole path, from the root on",
        ),
        ("~batch_bytes = '0B'", "batch_bytes: \"0B\" is no good; write \"1B\" to \"64MiB\""),
        ("~batch_bytes = '1GiB'", "batch_bytes: \"1GiB\" is no good; write \"1B\" to \"64MiB\""),
        (
            "~window = '1KiB'",
            "batch_bytes: \"256KiB\" is more than window, 1KiB; write less, or a larger window",
        ),
        ("~batch_events = 0", "batch_events: 0 would send nothing; write 1 or more"),
        ("~linger = '2s'", "linger: \"2s\" would make everybody late; write \"1s\" or less"),
        ("~timeout = '0s'", "timeout: \"0s\" is no good; write \"1ms\" to \"1h\""),
        ("~timeout = '2h'", "timeout: \"2h\" is no good; write \"1ms\" to \"1h\""),
    ];
    for (keys, expected) in table {
        let keys = keys.replace('~', HTTP);
        let said = faults_of(&format!("[upstream.web]\n{keys}\n"));
        assert!(said.contains(&format!("upstream.web.{expected}")), "{keys}\n{said}");
        assert!(said.lines().count() == 1 && !said.contains("seek"), "{said}");
    }
}

#[test]
fn what_an_upstream_by_http_does_not_use_or_tells_everybody_is_warned_of() {
    let http = |keys: &str| warnings_of(&format!("[upstream.web]\ntype = 'http'\n{keys}\n"));
    assert_eq!(http("url = 'https://web/in'"), "");
    assert_eq!(http("url = 'http://[::1]:8080/in'\ntoken = 'x'"), "");
    let plain = http("url = 'http://web/in'");
    assert!(
        plain.contains("upstream.web.url: events, headers and token go over the network"),
        "{plain}"
    );
    let unused = http("url = 'https://web/in'\nfrom = ['10.0.0.9']");
    assert!(unused.contains("upstream.web.from: has no effect with type = \"http\""), "{unused}");
    let tcp = warnings_of("[upstream.web]\naddress = 'web:1'\nheaders = { X = 'y' }\n");
    assert!(tcp.contains("upstream.web.headers: has no effect with type = \"tcp\""), "{tcp}");
}

#[test]
fn headers_are_shown_without_their_values() {
    let text = "[upstream.web]\ntype = 'http'\nurl = 'https://web/in'\n\
                headers = { X-Api-Key = 'very-secret' }\ntoken = 'very-secret'\n";
    let loaded = tetherd::config::from_toml(text).unwrap();
    let shown =
        |key: &str| loaded.entries.iter().find(|entry| entry.key == key).unwrap().value.clone();
    assert_eq!(
        (shown("headers.X-Api-Key"), shown("token")),
        ("********".into(), "********".into())
    );
    assert_eq!(loaded.config.upstream["web"].headers["X-Api-Key"], "very-secret");
}
