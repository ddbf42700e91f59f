use std::collections::BTreeMap;

use serde_json::Value as Json;
use tempfile::TempDir;
use tetherd::{
    config::{Options, Severity, from_toml, load},
    link::UpstreamSettings,
    units::Span,
};

use super::{alone, faults_of, faults_with, folder, origin, with_paths, with_set};

#[test]
fn all_mistakes_of_all_layers_are_told_at_once_in_their_order() {
    let folder = folder(&[
        (
            "default.toml",
            "[listener.dtu]\naddress = '127.0.0.1:0'\nidle_timeout = 5\nbacklog = 0\n",
        ),
        ("local.toml", "[drain]\nsprad = '1s'\n[upstream.web]\nfrom = ['a', '::1', 'b']\n"),
    ]);
    let mut options = with_paths([folder.path()]);
    options.environment.insert("TETHERD__LOG__LEVEL".to_owned(), "loud".to_owned());
    options.set.push("threads=x".to_owned());
    let said = faults_with(&options).replace(&format!("{}/", folder.path().display()), "");
    let expected = [
        "default.toml:3: listener.dtu.idle_timeout: 5 has no unit; write a duration with its unit, such as \"30s\" (ms, s, m, h, d)",
        "default.toml:4: listener.dtu.backlog: 0 lets nobody in; write 1 or more",
        "local.toml:2: drain.sprad: unknown key; did you mean \"spread\"?",
        "local.toml:3: upstream.web.address: is missing; write where the web server listens, such as \"127.0.0.1:7100\", or mode = \"accept\"",
        "local.toml:4: upstream.web.from[0]: \"a\" is no IP address; write one such as \"10.0.0.9\"",
        "local.toml:4: upstream.web.from[2]: \"b\" is no IP address; write one such as \"10.0.0.9\"",
        "environment TETHERD__LOG__LEVEL: log.level: \"loud\" is not known here; write \"error\", \"warning\", \"info\", \"debug\" or \"trace\"",
        "--set: threads: \"x\" does not fit here; write a whole number above 0, or \"auto\"",
    ];
    let mut said: Vec<&str> = said.lines().collect();
    let mut expected = expected.to_vec();
    said[6..].sort_unstable();
    expected[6..].sort_unstable();
    assert_eq!(said, expected);
}

#[test]
fn later_layers_win_and_every_value_knows_its_layer() {
    let files = [
        (
            "default.toml",
            "[listener.dtu]\naddress = '127.0.0.1:1'\nbacklog = 1\nmax_frame = '1KiB'\nfarewell = '1s'\nidle_timeout = '1s'\nregistration_timeout = '1s'\n",
        ),
        (
            "site.toml",
            "[listener.dtu]\nbacklog = 2\nmax_frame = '2KiB'\nfarewell = '2s'\nidle_timeout = '2s'\n",
        ),
        (
            "local.toml",
            "[listener.dtu]\nmax_frame = '3KiB'\nfarewell = '3s'\nidle_timeout = '3s'\n",
        ),
    ];
    let folder = folder(&files);
    let options = Options {
        profile: Some("site".to_owned()),
        environment: BTreeMap::from([
            ("TETHERD__LISTENER__DTU__FAREWELL".to_owned(), "4s".to_owned()),
            ("TETHERD__LISTENER__DTU__IDLE_TIMEOUT".to_owned(), "4s".to_owned()),
            ("PATH".to_owned(), "/bin".to_owned()),
        ]),
        set: vec![
            "listener.dtu.idle_timeout=9s".to_owned(),
            "listener.dtu.idle_timeout=5s".to_owned(),
        ],
        ..with_paths([folder.path()])
    };
    let loaded = load(&options).unwrap();
    let dtu = &loaded.config.listener["dtu"];
    assert_eq!((dtu.backlog, dtu.max_frame.0), (2, 3072));
    assert_eq!((dtu.farewell, dtu.idle_timeout), (Span::seconds(4), Span::seconds(5)));
    let file = |name: &str| folder.path().join(name).display().to_string();
    for (key, expected) in [
        ("outbound_limit", "built in".to_owned()),
        ("registration_timeout", format!("{}:7", file("default.toml"))),
        ("backlog", format!("{}:2", file("site.toml"))),
        ("max_frame", format!("{}:2", file("local.toml"))),
        ("farewell", "environment TETHERD__LISTENER__DTU__FAREWELL".to_owned()),
        ("idle_timeout", "--set".to_owned()),
    ] {
        assert_eq!(origin(&loaded, "listener.dtu", key), expected, "{key}");
    }
}

#[test]
fn of_several_paths_the_last_wins_and_a_file_is_one_layer() {
    let first = folder(&[
        ("default.toml", "threads = 1\ngateway = 'one'\n"),
        ("local.toml", "threads = 2\n"),
    ]);
    let second =
        folder(&[("default.toml", "threads = 3\n"), ("extra.toml", "gateway = 'extra'\n")]);
    let loaded = load(&with_paths([first.path(), second.path()])).unwrap();
    assert_eq!((loaded.config.threads.or_else(|| 0), loaded.config.gateway.as_str()), (3, "one"));
    let loaded = load(&with_paths([first.path(), &second.path().join("extra.toml")])).unwrap();
    assert_eq!((loaded.config.threads.or_else(|| 0), loaded.config.gateway.as_str()), (2, "extra"));
    assert_eq!(loaded.folders, [first.path(), second.path()]);
}

#[test]
fn without_paths_the_first_folder_with_a_configuration_is_taken() {
    let empty = folder(&[("readme.txt", "")]);
    let one = folder(&[("local.toml", "gateway = 'one'\n")]);
    let two = folder(&[("default.toml", "gateway = 'two'\n")]);
    let search = |folders: &[&TempDir]| Options {
        search: folders.iter().map(|folder| folder.path().to_owned()).collect(),
        ..Options::default()
    };
    assert_eq!(load(&search(&[&empty, &one, &two])).unwrap().config.gateway, "one");
    let built_in = load(&search(&[&empty])).unwrap();
    assert_eq!(built_in.config.listener["dtu"].address, "0.0.0.0:7000");
    assert!(origin(&built_in, "listener.dtu", "address").starts_with("built-in default.toml:"));
    assert!(built_in.folders.is_empty());
}

#[test]
fn layers_that_cannot_be_read_are_told() {
    let broken = folder(&[("default.toml/inside", ""), ("local.toml", "threads = 'x'\n")]);
    let empty = folder(&[]);
    let missing = empty.path().join("nope.toml");
    let said = faults_with(&with_paths([broken.path(), empty.path(), &missing]));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    for part in [
        "/default.toml: cannot be read: is a directory; mend or remove it".to_owned(),
        "/local.toml:1: threads: \"x\" does not fit here; write a whole number above 0, or \"auto\"".to_owned(),
        format!("{0}: holds no configuration, neither default.toml nor local.toml; tetherd config init {0} writes one", empty.path().display()),
        format!("{}: cannot be read: no such file or directory; give --config a file or a folder", missing.display()),
    ] {
        assert!(lines.iter().any(|line| line.ends_with(&part)), "{part} in {said}");
    }
}

#[test]
fn an_unknown_profile_is_told_with_those_there_are() {
    let folder = folder(&[("default.toml", ""), ("site.toml", "")]);
    let options = Options { profile: Some("sight".to_owned()), ..with_paths([folder.path()]) };
    assert_eq!(
        faults_with(&options),
        "--profile: there is no profile \"sight\"; there is classic, site, and a file sight.toml in a \
         folder of the configuration makes one"
    );
}

#[test]
fn bad_assignments_are_told_and_never_show_a_secret() {
    let said = faults_with(&with_set(&[
        "threads",
        "upstream.web.token:hush",
        "a..b=1",
        "=1",
        "log.level=\"open",
        "upstream.web.ack=hush",
    ]));
    let expected = [
        "--set: threads: has no value; write --set key=value",
        "--set: upstream.web.token: has no value; write --set key=value",
        "--set: a..b: is no key; write the names with dots between them, such as listener.dtu.address",
        "--set: is no key; write the names with dots between them, such as listener.dtu.address",
        "--set: log.level: the value begins like TOML and is none: invalid basic string, expected `\"`; mend it, or put text in quotes",
        "--set: upstream.web.ack: \"hush\" does not fit here; write true or false",
    ];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);

    let mut options = alone();
    options.environment.insert("TETHERD__LISTENER____ADDRESS".to_owned(), "x".to_owned());
    options.environment.insert("TETHERD__UPSTREAM__WEB__TOKEN".to_owned(), "[hush]".to_owned());
    let said = faults_with(&options);
    assert!(!said.contains("hush"), "{said}");
    assert!(said.contains("environment TETHERD__LISTENER____ADDRESS: a name is missing; write TETHERD__SECTION__KEY with two underscores between the names"), "{said}");
}

#[test]
fn secrets_are_masked_wherever_they_came_from() {
    let mut options = with_set(&["upstream.web.mode=accept"]);
    options.environment.insert("TETHERD__UPSTREAM__WEB__TOKEN".to_owned(), "hush".to_owned());
    let loaded = load(&options).unwrap();
    assert_eq!(loaded.config.upstream["web"].token.as_deref(), Some("hush"));
    let shown = loaded.entries.iter().find(|entry| entry.key == "token").unwrap();
    assert_eq!(shown.value, Json::from("********"));
}

#[test]
fn what_is_not_enabled_is_taken_out_and_still_checked() {
    let text = "[listener.dtu]\nenabled = false\n[listener.two]\naddress = '127.0.0.1:0'\n\
                keepalive = { enabled = false }\nuser_timeout = '1s'\n\
                [drain]\nenabled = false\n[spool]\nenabled = false\nmax_size = '8MiB'\n[log]\nenabled = true\nlevel = 'debug'\n";
    let loaded = from_toml(text).unwrap();
    assert_eq!(loaded.config.listener.keys().collect::<Vec<_>>(), ["two"]);
    assert_eq!(loaded.config.listener["two"].keepalive.idle, Span::default());
    assert_eq!(loaded.config.drain.spread, Span::default());
    assert_eq!(loaded.config.spool, from_toml("").unwrap().config.spool);
    assert_eq!(loaded.config.log.level, tetherd::telemetry::Level::Debug);
    assert_eq!(origin(&loaded, "listener.dtu", "enabled"), "text:2");
    assert_eq!(origin(&loaded, "listener.two", "keepalive.idle"), "text:5");
    assert_eq!(
        faults_of("[listener.dtu]\nenabled = false\nbacklog = 0\n"),
        "text:3: listener.dtu.backlog: 0 lets nobody in; write 1 or more"
    );
}

#[test]
fn a_table_set_in_part_keeps_the_defaults_of_its_place() {
    let loaded =
        from_toml("[upstream.web]\naddress = 'web:1'\nkeepalive = { idle = '20s' }\n").unwrap();
    let keepalive = &loaded.config.upstream["web"].keepalive;
    assert_eq!(keepalive.interval, UpstreamSettings::default().keepalive.interval);
    assert_eq!(keepalive.idle, Span::seconds(20));
}

#[test]
fn what_may_surprise_is_a_warning() {
    let text =
        "[spool]\nwhen_full = 'drop_oldest'\n[upstream.web]\naddress = 'web:1'\ntoken = 'x'\n";
    let warnings = from_toml(text).unwrap().warnings;
    assert!(warnings.iter().all(|warning| warning.severity == Severity::Warning));
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "warning: text:2: spool.when_full: \"drop_oldest\" may drop what was promised to a device; \"pause\" never does",
            "warning: text:5: upstream.web.token: has no effect with mode = \"dial\"; remove it, or write mode = \"accept\"",
        ]
    );
}

#[test]
fn a_configuration_without_listener_or_upstream_loads_and_does_not_run() {
    let said = from_toml("").unwrap().runnable().unwrap_err().to_string();
    assert_eq!(
        said,
        "listener: there is none; add [listener.dtu] with the address where devices connect, such as address = \"0.0.0.0:7000\"\n\
                      upstream: there is none; add [upstream.web] with the address where the web server is, such as address = \"127.0.0.1:7100\""
    );
    assert!(load(&alone()).unwrap().runnable().is_ok());
}

#[test]
fn relative_paths_never_depend_on_the_working_directory() {
    let folder = folder(&[("default.toml", "[listener.dtu]\naddress = 'unix:run/d.sock'\n")]);
    let mut options = with_paths([folder.path()]);
    let address = |options: &Options| load(options).unwrap().config.listener["dtu"].address.clone();
    assert_eq!(address(&options), format!("unix:{}/run/d.sock", folder.path().display()));
    options.environment.insert("STATE_DIRECTORY".to_owned(), "/var/lib/tetherd:/other".to_owned());
    assert_eq!(address(&options), "unix:/var/lib/tetherd/run/d.sock");
    assert_eq!(
        faults_of("[listener.dtu]\naddress = 'unix:d.sock'\n"),
        "text:2: listener.dtu.address: \"unix:d.sock\" is relative to nothing: there is no configuration \
         folder and no $STATE_DIRECTORY; write the whole path, from the root on"
    );
}

#[test]
fn protocols_are_found_in_the_last_folder_then_built_in() {
    let one = folder(&[
        ("default.toml", ""),
        ("protocols/meter.toml", "name = 'meter'\nidentity = 'address' # one"),
        ("protocols/raw.toml", "# mine"),
    ]);
    let two = folder(&[
        ("default.toml", "[listener.m]\naddress = '127.0.0.1:0'\nprotocol = 'meter'\n"),
        ("protocols/meter.toml", "name = 'meter'\nidentity = 'address' # two"),
    ]);
    let loaded = load(&with_paths([one.path(), two.path()])).unwrap();
    assert!(loaded.protocol_text("meter").unwrap().text.ends_with("# two"));
    assert_eq!(loaded.protocol_text("raw").unwrap().text, "# mine");
    assert_eq!(loaded.protocol_text("etung").unwrap().origin, "built in");
    assert_eq!(loaded.protocol_text("../protocols/meter"), None);
}
