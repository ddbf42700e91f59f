use tetherd::config::{Options, load};

use super::{alone, faults_of, faults_with, folder, warnings_of};

#[test]
fn upstreams_that_could_never_work_are_refused() {
    let unix = "[listener.dtu]\naddress = 'unix:/run/dtu.sock'\n";
    let accept = "[upstream.web]\nmode = 'accept'\nlistener = 'dtu'\nfrom = ['10.0.0.9']\n";
    assert_eq!(
        faults_of(&format!("{unix}{accept}")),
        "text:5: upstream.web.listener: listener \"dtu\" is a Unix socket, where no address tells a \
         web server from a device; write a listener with an IP address, or give the upstream an \
         address of its own"
    );
    let ourselves =
        "[listener.dtu]\naddress = '0.0.0.0:7000'\n[upstream.web]\naddress = '127.0.0.1:7000'\n";
    assert_eq!(
        faults_of(ourselves),
        "text:4: upstream.web.address: \"127.0.0.1:7000\" is where listener.dtu listens; write the \
         web server's address"
    );
}

#[test]
fn a_table_of_a_later_release_that_is_switched_off_asks_for_nothing() {
    for table in ["admin", "listener.dtu.tls", "log.modules"] {
        let text = format!("[listener.dtu]\naddress = '127.0.0.1:0'\n[{table}]\nenabled = false\n");
        assert!(tetherd::config::from_toml(&text).is_ok(), "{table}");
    }
}

#[test]
fn every_mistake_in_a_listener_is_told_with_what_to_do() {
    let table = [
        ("", "listener.dtu: is missing"),
        ("address = 7000", "listener.dtu.address: 7000 does not fit here; write text in quotes"),
        (
            "address = '7000'",
            "listener.dtu.address: \"7000\" has no port; write host:port, such as \"7000:7000\"",
        ),
        (
            "address = ':7000'",
            "listener.dtu.address: \":7000\" has no host; write \"0.0.0.0:7000\" for every address of this machine",
        ),
        (
            "address = '::1'",
            "listener.dtu.address: \"::1\" has no port; write an IPv6 address as \"[::1]:7000\"",
        ),
        ("adress = 'x'", "listener.dtu.adress: unknown key; did you mean \"address\"?"),
        (
            "colour = 'x'",
            "listener.dtu.colour: unknown key; the keys here are enabled, address, protocol, max_connections, backlog, registration_timeout, registration_bytes, registration, forward_registration, unregistered, duplicate, takeover_limit, flapping, idle_timeout, on_idle, keepalive, user_timeout, max_frame, outbound_limit, farewell",
        ),
        ("spread = '1s'", "listener.dtu.spread: unknown key here; it belongs in [drain]"),
        ("enabled = 1", "listener.dtu.enabled: 1 does not fit here; write true or false"),
        (
            "idle_timeout = 30",
            "listener.dtu.idle_timeout: 30 has no unit; write a duration with its unit, such as \"30s\" (ms, s, m, h, d)",
        ),
        (
            "idle_timeout = '30'",
            "listener.dtu.idle_timeout: \"30\" is not a duration; write a whole number with ms, s, m, h or d, such as \"30s\"",
        ),
        (
            "max_frame = 1.5",
            "listener.dtu.max_frame: 1.5 has no unit; write a size with its unit, such as \"64KiB\" (B, KiB, MiB, GiB, TiB)",
        ),
        (
            "max_frame = '64 bytes'",
            "listener.dtu.max_frame: \"64 bytes\" is not a size; write a whole number with B, KiB, MiB, GiB or TiB, such as \"64KiB\"",
        ),
        (
            "max_frame = '0B'",
            "listener.dtu.max_frame: \"0B\" does not fit here; write \"1B\" to \"1MiB\"",
        ),
        (
            "max_frame = '2MiB'",
            "listener.dtu.max_frame: \"2MiB\" does not fit here; write \"1B\" to \"1MiB\"",
        ),
        (
            "takeover_limit = '5'",
            "listener.dtu.takeover_limit: \"5\" is not a rate; write a whole number over s, min or h, such as \"5/min\"",
        ),
        (
            "takeover_limit = '0/h'",
            "listener.dtu.takeover_limit: \"0/h\" allows no takeover at all; write \"1/min\" or more, or duplicate = \"reject\"",
        ),
        (
            "max_connections = 0",
            "listener.dtu.max_connections: 0 does not fit here; write a whole number above 0, or \"auto\"",
        ),
        (
            "max_connections = 'many'",
            "listener.dtu.max_connections: \"many\" does not fit here; write a whole number above 0, or \"auto\"",
        ),
        (
            "backlog = -1",
            "listener.dtu.backlog: -1 does not fit here; write a whole number from 0 to 4294967295",
        ),
        ("backlog = 0", "listener.dtu.backlog: 0 lets nobody in; write 1 or more"),
        (
            "on_idle = 'sleep'",
            "listener.dtu.on_idle: \"sleep\" is not known here; write \"close\" or \"notify\"",
        ),
        (
            "duplicate = 3",
            "listener.dtu.duplicate: 3 is not known here; write \"takeover\", \"reject\" or \"allow\"",
        ),
        (
            "registration_bytes = '0B'",
            "listener.dtu.registration_bytes: \"0B\" leaves no room for a name; write \"1B\" or more",
        ),
        (
            "registration_bytes = '128KiB'",
            "listener.dtu.registration_bytes: \"128KiB\" is more than max_frame, 64KiB; write less, or a larger max_frame",
        ),
        (
            "outbound_limit = '0B'",
            "listener.dtu.outbound_limit: \"0B\" leaves no room for anything sent to a device; write \"1B\" or more",
        ),
        (
            "user_timeout = '30d'",
            "listener.dtu.user_timeout: \"30d\" is more than the kernel takes; write at most \"24d\"",
        ),
        (
            "user_timeout = '119s'",
            "listener.dtu.user_timeout: \"119s\" is less than keepalive idle + interval x probes, 2m: Linux would then ignore the probe count, and one lost probe would end a healthy connection; write at least \"2m\", or \"0s\" for none",
        ),
        (
            "keepalive = { idle = '1500ms' }",
            "listener.dtu.keepalive.idle: \"1500ms\" is not what the kernel counts in; write whole seconds from 1s to 32767s, or \"0s\" for no keep-alive",
        ),
        (
            "keepalive = { interval = '0s' }",
            "listener.dtu.keepalive.interval: \"0s\" is not what the kernel counts in; write whole seconds from 1s to 32767s",
        ),
        (
            "keepalive = { probes = 0 }",
            "listener.dtu.keepalive.probes: 0 is not what the kernel takes; write a number from 1 to 127",
        ),
        (
            "keepalive = { interval = '213503982334d', probes = 9 }",
            "listener.dtu.keepalive.interval: \"213503982334d\" is not what the kernel counts in; write whole seconds from 1s to 32767s",
        ),
        (
            "keepalive = { probs = 3 }",
            "listener.dtu.keepalive.probs: unknown key; did you mean \"probes\"?",
        ),
        (
            "keepalive = '10s'",
            "listener.dtu.keepalive: \"10s\" stands where a table belongs; write [listener.dtu.keepalive] and its keys below",
        ),
        (
            "keepalive = ['10s']",
            "listener.dtu.keepalive: a list stands where a table belongs; write [listener.dtu.keepalive] and its keys below",
        ),
        (
            "protocol = 'etnug'",
            "listener.dtu.protocol: there is no protocol \"etnug\"; did you mean \"etung\"?",
        ),
        ("protocol = '../x'", "listener.dtu.protocol: there is no protocol \"../x\"; write"),
        (
            "protocol = []",
            "listener.dtu.protocol: the list is empty; write a protocol, such as \"etung\"",
        ),
        (
            "protocol = ['raw', 'etung']",
            "listener.dtu.protocol: \"raw\" takes every device, so that \"etung\" behind it never gets one; write \"etung\" first",
        ),
        (
            "protocol = ['etung', 'raw', 'etung']",
            "listener.dtu.protocol: lists \"etung\" twice; write it once",
        ),
        (
            "protocol = 3",
            "listener.dtu.protocol: 3 does not fit here; write a word such as \"etung\", or a list of words",
        ),
        ("tls = { cert = 'x' }", "listener.dtu.tls: TLS is not built yet; remove this key"),
        ("tls_cert = 'x'", "listener.dtu.tls_cert: TLS is not built yet; remove this key"),
        (
            "proxy_protocol = true",
            "listener.dtu.proxy_protocol: the PROXY protocol is not built yet; remove this key",
        ),
    ];
    for (line, expected) in table {
        let address = if line.starts_with("address") || line.is_empty() {
            ""
        } else {
            "address = '127.0.0.1:0'"
        };
        let said = faults_of(&format!("[listener.dtu]\n{line}\n{address}\n"));
        match line {
            "" => assert_eq!(
                said,
                "text:1: listener.dtu.address: is missing; write where devices connect, such as \"0.0.0.0:7000\""
            ),
            "protocol = '../x'" => assert!(said.contains(expected), "{said}"),
            _ => assert_eq!(said, format!("text:2: {expected}"), "{line}"),
        }
    }
}

#[test]
fn replies_that_promise_what_a_spool_in_memory_cannot_keep_are_told() {
    let listener = "[spool]\ntype = 'memory'\n[listener.dtu]\naddress = '127.0.0.1:0'\n";
    let warned = warnings_of(&format!("{listener}protocol = 'gt06'\n"));
    assert!(warned.contains("\"gt06\" tells devices that their data are safe"), "{warned}");
    assert_eq!(warnings_of(&format!("{listener}protocol = 'line'\n")), "");
    let kept = listener.replace("memory", "disk'\npath = '/tmp/spool");
    assert_eq!(warnings_of(&format!("{kept}protocol = 'gt06'\n")), "");

    let durable = "name = 'sure'\nreply_when = 'durable'\n[[frame]]\nuntil = ';'\n\
                   match = '^(?P<id>.+)$'\n[[rule]]\nreply = 'ok'\n";
    let asked = format!("{listener}protocol = 'sure'\n");
    let folder = folder(&[("default.toml", &asked), ("protocols/sure.toml", durable)]);
    let options = Options { paths: vec![folder.path().to_owned()], ..alone() };
    let said = faults_with(&options);
    assert!(said.contains("\"sure\" answers devices only when their data are safe"), "{said}");
}

#[test]
fn first_bytes_that_fit_two_protocols_are_told_and_a_fallback_at_the_end_is_none() {
    let listener = "[listener.dtu]\naddress = '127.0.0.1:0'\n";
    assert_eq!(warnings_of(&format!("{listener}protocol = ['gt06', 'teltonika', 'raw']\n")), "");
    let head = |name: &str, head: &str| {
        let frame = format!("head = '{head}'\nuntil = ';'\nmatch = '^(?P<id>.+)$'\n");
        format!("name = '{name}'\n[[frame]]\n{frame}")
    };
    let asked = format!("{listener}protocol = ['any', 'one']\n");
    let files = [
        ("default.toml", asked.as_str()),
        ("protocols/any.toml", &head("any", "A[0-9]")),
        ("protocols/one.toml", &head("one", "A1")),
    ];
    let folder = folder(&files);
    let options = Options { paths: vec![folder.path().to_owned()], ..alone() };
    let warnings = load(&options).unwrap().warnings;
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("some first bytes fit \"any\" and \"one\""), "{said:?}");
}

#[test]
fn a_registration_before_each_packet_is_refused_where_frames_are_cut() {
    let listener = "[listener.dtu]\naddress = '127.0.0.1:0'\nprotocol = 'line'\n";
    let said = faults_of(&format!("{listener}registration = 'every'\n"));
    assert!(said.contains("\"every\" does not go with \"line\", which cuts frames"), "{said}");
}

#[test]
fn every_mistake_in_an_upstream_is_told_with_what_to_do() {
    const DIAL: &str = "address = '127.0.0.1:1'";
    const ACCEPT: &str = "mode = 'accept'";
    let table = [
        (ACCEPT, "mode = 'listen'", ""),
        (
            "",
            "",
            "upstream.web.address: is missing; write where the web server listens, such as \"127.0.0.1:7100\", or mode = \"accept\"",
        ),
        (
            "",
            "address = 'web:0'",
            "upstream.web.address: nobody can be reached on port 0; write the web server's port",
        ),
        (
            "",
            "address = 'web'",
            "upstream.web.address: \"web\" has no port; write host:port, such as \"web:7000\"",
        ),
        (DIAL, "type = 'mqtt'", "upstream.web.type: \"mqtt\" is not built yet; write \"tcp\""),
        (DIAL, "type = 'nats'", "upstream.web.type: \"nats\" is not built yet; write \"tcp\""),
        (
            DIAL,
            "type = 'udp'",
            "upstream.web.type: \"udp\" is not known here; write \"tcp\" or \"http\"",
        ),
        (DIAL, "tls = true", "upstream.web.tls: TLS is not built yet; remove this key"),
        (
            DIAL,
            "token = 12345",
            "upstream.web.token: the hidden value does not fit here; write text in quotes",
        ),
        (
            DIAL,
            "from = ['10.0.0.9', 'web']",
            "upstream.web.from[1]: \"web\" is no IP address; write one such as \"10.0.0.9\"",
        ),
        (
            DIAL,
            "from = '10.0.0.9'",
            "upstream.web.from: \"10.0.0.9\" does not fit here; write a list such as [\"10.0.0.9\"]",
        ),
        (
            DIAL,
            "window = '0B'",
            "upstream.web.window: \"0B\" would send nothing; write \"1B\" or more",
        ),
        (
            DIAL,
            "retry = { initial = '0s' }",
            "upstream.web.retry.initial: \"0s\" would try without a pause; write \"1ms\" or more",
        ),
        (
            DIAL,
            "retry = { initial = '1m' }",
            "upstream.web.retry.initial: \"1m\" is more than retry.max, 30s; write less, or a larger max",
        ),
        (
            DIAL,
            "keepalive = { probes = 128 }",
            "upstream.web.keepalive.probes: 128 is not what the kernel takes; write a number from 1 to 127",
        ),
        (
            DIAL,
            "keepalive = { idle = '10h' }",
            "upstream.web.keepalive.idle: \"10h\" is not what the kernel counts in; write whole seconds from 1s to 32767s, or \"0s\" for no keep-alive",
        ),
        (
            DIAL,
            "when_behind = 'skip'\nmax_lag = '0B'",
            "upstream.web.max_lag: \"0B\" would skip everything; write \"1B\" or more",
        ),
        (
            DIAL,
            "format = 'node'\nack = false",
            "upstream.web.encoding: format = \"node\" writes bytes as Node does; write encoding = \"buffer\" or \"text\"",
        ),
        (
            DIAL,
            "format = 'node'\nencoding = 'text'",
            "upstream.web.ack: format = \"node\" has no acknowledgements; write ack = false",
        ),
        (
            ACCEPT,
            "",
            "upstream.web.address: is missing; write where the web server connects, such as \"127.0.0.1:7100\", or listener = \"dtu\" to share a device listener",
        ),
        (
            ACCEPT,
            "address = '0.0.0.0:1'",
            "upstream.web.address: \"0.0.0.0:1\" takes anybody for the web server; write from = [\"10.0.0.9\"] or a token, or listen on 127.0.0.1",
        ),
        (
            ACCEPT,
            "address = '127.0.0.1:1'\ntoken = ' '",
            "upstream.web.token: is empty; write a secret, or remove it",
        ),
        (
            ACCEPT,
            "listener = 'dtu'\nfrom = ['::1']",
            "upstream.web.listener: there is no listener \"dtu\"; add [listener.dtu], or write another",
        ),
    ];
    for (first, line, expected) in table {
        let said = faults_of(&format!("[upstream.web]\n{first}\n{line}\n"));
        if expected.is_empty() {
            assert!(said.contains("duplicate key"), "{said}");
            continue;
        }
        let (_, said) = said.split_once(": ").unwrap_or_else(|| panic!("no fault: {line}"));
        assert_eq!(said, expected, "{line}");
    }
}

#[test]
fn every_other_mistake_is_told_with_what_to_do() {
    let table = [
        (
            "threads = 0",
            "text:1: threads: 0 does not fit here; write a whole number above 0, or \"auto\"",
        ),
        ("gatway = 'x'", "text:1: gatway: unknown key; did you mean \"gateway\"?"),
        (
            "gateway = ''",
            "text:1: gateway: \"\" is no name; write 1 to 128 characters, such as \"plant-7\"",
        ),
        ("[listner.dtu]", "text:1: listner: unknown key; did you mean \"listener\"?"),
        (
            "[listener]\naddress = 'x'",
            "text:2: listener.address: every listener has a name; write [listener.dtu] and \"address\" below it",
        ),
        (
            "[upstream]\ntoken = 'x'",
            "text:2: upstream.token: every upstream has a name; write [upstream.web] and \"token\" below it",
        ),
        (
            "listener = 3",
            "text:1: listener: 3 stands where a table belongs; write [listener] and its keys below",
        ),
        (
            "[listener.DTU-1]\naddress = '127.0.0.1:0'",
            "text:1: listener.DTU-1: the name \"DTU-1\" has other signs than a-z, 0-9 and single underscores; write [listener.dtu_1]",
        ),
        (
            "[upstream.a__b]\naddress = '127.0.0.1:1'",
            "text:1: upstream.a__b: the name \"a__b\" has other signs than a-z, 0-9 and single underscores; write [upstream.a_b]",
        ),
        (
            "[spool]\ntype = 'disk'",
            "text:2: spool.path: \"data/spool\" is relative to nothing: there is no configuration folder and no $STATE_DIRECTORY; write the whole path, from the root on",
        ),
        (
            "[spool]\ntype = 'tape'",
            "text:2: spool.type: \"tape\" is not known here; write \"memory\" or \"disk\"",
        ),
        (
            "[spool]\npath = 'x'",
            "text:2: spool.path: \"x\" is relative to nothing: there is no configuration folder and no $STATE_DIRECTORY; write the whole path, from the root on",
        ),
        (
            "[spool]\ndurability = 'platinum'",
            "text:2: spool.durability: \"platinum\" is not known here; write \"group\" or \"os\"",
        ),
        (
            "[spool]\ncommit_interval = '0s'",
            "text:2: spool.commit_interval: 0s is no good; write \"1ms\" to \"10s\"",
        ),
        (
            "[spool]\nmax_size = '1MiB'",
            "text:2: spool.max_size: 1MiB is too small; write at least \"4MiB\"",
        ),
        (
            "[admin]\naddress = '0.0.0.0:7080'",
            "text:2: admin.address: \"0.0.0.0:7080\" can be reached from other machines, and there is no token; write [admin.tokens.ops] with file = \"/path/of/the/token\" and access = \"full\", or a loopback address such as \"127.0.0.1:7080\"",
        ),
        (
            "[admin]\naddress = 'unix:/run/tetherd/admin.sock'",
            "text:2: admin.address: a Unix socket is not built yet; write host:port, such as \"127.0.0.1:7080\"",
        ),
        (
            "[admin]\nadress = '127.0.0.1:7080'",
            "text:2: admin.adress: unknown key; did you mean \"address\"?",
        ),
        (
            "[admin]\nenabled = 'yes'",
            "text:2: admin.enabled: \"yes\" does not fit here; write true or false",
        ),
        (
            "[admin.tokens]\nops = 'secret'",
            "text:2: admin.tokens.ops: \"secret\" stands where a table belongs; write [admin.tokens.ops] and its keys below",
        ),
        (
            "[admin.tokens.ops]\naccess = 'full'",
            "text:1: admin.tokens.ops.file: is missing; write the path of the file that holds the token",
        ),
        (
            "[admin.tokens.ops]\nfile = '/a'\naccess = 'all'",
            "text:3: admin.tokens.ops.access: \"all\" is not known here; write \"read\" or \"full\"",
        ),
        (
            "[admin.tokens.ops]\nfile = '/a'\nacces = 'full'",
            "text:3: admin.tokens.ops.acces: unknown key; did you mean \"access\"?",
        ),
        (
            "[poll.a]",
            "text:1: poll.a.send: is missing; write what devices are asked, such as \"01 03 00 00 00 02 {crc16-modbus}\"",
        ),
        (
            "[poll.a]\nsend = '01 0'",
            "text:2: poll.a.send: \"010\" has a digit without its partner; a byte has two",
        ),
        (
            "[poll.a]\nsend = '01'\ntimeout = '2m'",
            "text:3: poll.a.timeout: \"2m\" leaves no room for an answer before the next question; write more than \"0s\" and at most every, \"1m\"",
        ),
        (
            "[poll.a]\nsend = '01'\nlistener = ['dto']",
            "text:3: poll.a.listener: there is no listener \"dto\"; leave the key out for all of them",
        ),
        (
            "[commands]\nmax_per_device = 0",
            "text:2: commands.max_per_device: 0 leaves room for none; write at least 1, or enabled = \
             false",
        ),
        (
            "[commands]\nmax_total = '1KiB'",
            "text:2: commands.max_total: 1KiB is too small; write at least \"1MiB\"",
        ),
        (
            "[commands]\npause = '2h'",
            "text:2: commands.pause: 2h is too long; write \"0s\" to \"1h\"",
        ),
        (
            "[health]\ntraffic_window = '999ms'",
            "text:2: health.traffic_window: 999ms is no good; write \"1s\" to \"7d\", or \"0s\"",
        ),
        (
            "[health]\ntraffic_floor = '0%'",
            "text:2: health.traffic_floor: nothing is below 0%; write at least \"1%\", or \
             traffic_window = \"0s\"",
        ),
        (
            "[health]\ntraffic_least = 0",
            "text:2: health.traffic_least: 0 would make a silence of what never spoke; write at least 1",
        ),
        (
            "[health]\nwhen_quiet = 'restart'",
            "text:2: health.when_quiet: \"restart\" needs a traffic_window, such as \"10m\"; write one, \
             or \"tell\"",
        ),
        (
            "commands = 7",
            "text:1: commands: 7 stands where a table belongs; write [commands] and its keys below",
        ),
        (
            "[drain]\nspread = 30",
            "text:2: drain.spread: 30 has no unit; write a duration with its unit, such as \"30s\" (ms, s, m, h, d)",
        ),
        (
            "[drain]\nenabled = 'no'",
            "text:2: drain.enabled: \"no\" does not fit here; write true or false",
        ),
        (
            "[log]\nlevel = 'warn'",
            "text:2: log.level: \"warn\" is not known here; write \"error\", \"warning\", \"info\", \"debug\" or \"trace\"",
        ),
        (
            "[log.modules]\n'a b' = 'info'",
            "text:2: log.modules.\"a b\": \"a b\" is no module; write its name, such as session = \"debug\"",
        ),
        (
            "[log]\nmodules = 'debug'",
            "text:2: log.modules: \"debug\" stands where a table belongs; write [log.modules] and its keys below",
        ),
        ("a = 1\nb = [1,\n", "text:2: not valid TOML: unclosed array, expected `]`"),
        (
            "[log]\nlevel = info",
            "text:2: not valid TOML: text, durations and sizes have to stand in quotes",
        ),
        ("threads = 1\nthreads = 2", "text:2: not valid TOML: duplicate key"),
        (
            "threads = 99999999999999999999",
            "text:1: the number 99999999999999999999 is too large; write a smaller one",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(faults_of(text), expected, "{text}");
    }
}

#[test]
fn what_belongs_together_is_checked_together() {
    let two = |first: &str, second: &str| {
        faults_of(&format!(
            "[listener.a]\naddress = '{first}'\n[listener.b]\naddress = '{second}'\n"
        ))
    };
    assert_eq!(
        two("0.0.0.0:7000", "127.0.0.1:7000"),
        "text:4: listener.b.address: \"127.0.0.1:7000\" is taken by listener.a.address; write another port or address"
    );
    assert_eq!(two("127.0.0.1:0", "127.0.0.1:0"), "");

    let listener = "[listener.dtu]\naddress = '0.0.0.0:7000'\n";
    let web = "[upstream.web]\nmode = 'accept'\n";
    assert_eq!(
        faults_of(&format!("{listener}{web}address = '127.0.0.1:7000'\n")),
        "text:5: upstream.web.address: \"127.0.0.1:7000\" is taken by listener.dtu.address; write another port or address"
    );
    assert_eq!(
        faults_of(&format!("{listener}{web}listener = 'dut'\nfrom = ['::1']\n")),
        "text:5: upstream.web.listener: there is no listener \"dut\"; did you mean \"dtu\"?"
    );
    assert_eq!(
        faults_of(&format!("{listener}enabled = false\n{web}listener = 'dtu'\nfrom = ['::1']\n")),
        "text:6: upstream.web.listener: listener \"dtu\" is not enabled; enable it, or write another"
    );
    assert_eq!(
        faults_of(&format!("{listener}{web}listener = 'dtu'\ntoken = 'abc'\n")),
        "text:3: upstream.web.from: is missing: on a device listener the web server is known by its \
         address, and without one every device would be taken for it; write from = [\"10.0.0.9\"]"
    );
    let shared = |name: &str, ip: &str| {
        format!("[upstream.{name}]\nmode = 'accept'\nlistener = 'dtu'\nfrom = ['{ip}']\n")
    };
    assert_eq!(
        faults_of(&format!(
            "{listener}{}{}",
            shared("a", "10.0.0.9"),
            shared("b", "::ffff:10.0.0.9")
        )),
        "text:10: upstream.b.from: ::ffff:10.0.0.9 is in upstream.a.from too, on the same listener; write it in one of them"
    );
    for allowed in [
        "address = '127.0.0.1:1'",
        "address = '0.0.0.0:1'\ntoken = 'x'",
        "address = '[::]:1'\nfrom = ['::1']",
        "address = 'unix:/run/x'",
    ] {
        assert_eq!(faults_of(&format!("{web}{allowed}\n")), "", "{allowed}");
    }
}

#[test]
fn keep_alive_that_is_off_is_not_held_against_user_timeout() {
    let off = "keepalive = { idle = '0s', interval = '213503982334d', probes = 4294967295 }";
    assert_eq!(
        faults_of(&format!(
            "[listener.dtu]\naddress = '127.0.0.1:0'\nuser_timeout = '1s'\n{off}\n"
        )),
        ""
    );
}
