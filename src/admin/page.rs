use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};

use super::{guard::text, problem::Problem};

/// One file of the dashboard.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! file {
    ($name:literal, $kind:literal) => {
        File {
            path: concat!("/dashboard/", $name),
            kind: $kind,
            text: include_str!(concat!("dashboard/", $name)),
        }
    };
}

macro_rules! modules {
    ($($name:literal),+ $(,)?) => {
        /// All files; they are part of the program, and nothing else is ever fetched.
        const FILES: &[File] = &[
            File {
                path: "/",
                kind: "text/html; charset=utf-8",
                text: include_str!("dashboard/index.html"),
            },
            file!("style.css", "text/css; charset=utf-8"),
            file!("icon.svg", "image/svg+xml"),
            $(file!($name, "text/javascript; charset=utf-8")),+
        ];
    };
}

modules!(
    "api.js",
    "app.js",
    "bytes.js",
    "chart.js",
    "commands.js",
    "device.js",
    "devices.js",
    "dom.js",
    "ended.js",
    "flapping.js",
    "format.js",
    "gateway.js",
    "happenings.js",
    "login.js",
    "nameless.js",
    "poll.js",
    "session.js",
    "stream.js",
    "tap.js",
    "upstreams.js",
);

/// Where the files are.
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.path)
}

/// Whether there is a file at `path`.
pub(super) fn has(path: &str) -> bool {
    file(path).is_some()
}

/// A file of the dashboard. Browsers ask each time whether it is still the same, so that a new
/// version is seen at once.
pub(super) async fn answer(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let nothing = || Problem::of_status(StatusCode::NOT_FOUND);
    let file = file(request.path()).ok_or_else(nothing)?;
    let tag = format!("\"{:08x}-{:x}\"", crc32fast::hash(file.text.as_bytes()), file.text.len());
    let known = text(request.headers(), header::IF_NONE_MATCH).unwrap_or_default();
    let is_known = known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    let mut answer = match is_known {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    answer.insert_header((header::CACHE_CONTROL, "no-cache")).insert_header((header::ETAG, tag));
    Ok(match is_known {
        true => answer.finish(),
        false => answer.content_type(file.kind).body(file.text),
    })
}

fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// Everything that the files name: `from './x.js'`, `href="/dashboard/x.css"`.
    fn named(file: &File) -> Vec<String> {
        let relative =
            file.text.match_indices("from './").map(|(at, word)| &file.text[at + word.len()..]);
        let whole = file
            .text
            .match_indices("\"/dashboard/")
            .map(|(at, word)| &file.text[at + word.len()..]);
        let ends = relative.chain(whole).map(|rest| rest.split(['\'', '"']).next().unwrap());
        ends.map(|name| format!("/dashboard/{name}")).collect()
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_every_file_that_is_named_is_there() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/dashboard");
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        // The picture is for the README.
        let there: BTreeSet<_> =
            names.filter(|name| name != "dashboard.png" && name != "index.html").collect();
        let served: BTreeSet<_> = paths()
            .filter_map(|path| path.strip_prefix("/dashboard/"))
            .map(str::to_owned)
            .collect();
        assert_eq!(there, served);
        let used: BTreeSet<_> = FILES.iter().flat_map(named).collect();
        for path in &used {
            assert!(has(path), "{path} is named and not there");
        }
        for path in paths().filter(|path| *path != "/") {
            assert!(used.contains(path), "{path} is never named");
        }
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere_and_nothing_is_written_as_markup() {
        for file in FILES {
            let inert = file.text.replace("http://www.w3.org/2000/svg", "");
            for word in [
                "http://",
                "https://",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "eval(",
                " style=",
                "javascript:",
                " onclick=",
            ] {
                assert!(!inert.contains(word), "{}: {word}", file.path);
            }
        }
    }
}
