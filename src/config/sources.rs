use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Options, fault::Fault, layer::Layer, presets};

/// The layers that were found, from the lowest to the highest.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) layers: Vec<Layer>,
    /// The names of the layers, in their order.
    pub(super) labels: Vec<String>,
    /// The folders of the configuration; the highest stands last.
    pub(super) folders: Vec<PathBuf>,
    pub(super) faults: Vec<Fault>,
}

/// Finds and reads the files that `options` ask for.
pub(super) fn find(options: &Options) -> Sources {
    let mut sources = Sources::default();
    let paths = match options.paths.is_empty() {
        false => options.paths.clone(),
        true => searched(options).into_iter().collect(),
    };
    let profile = options.profile.as_deref().map(|name| Profile::find(name, &paths));
    if let Some(Profile::Unknown(text)) = &profile {
        sources.faults.push(Fault::error("--profile", "", text.clone()));
    }
    if paths.is_empty() {
        sources.add_text("built-in default.toml", presets::DEFAULT);
    }
    if !paths.iter().any(|path| path.is_dir()) {
        sources.add_built_in(profile.as_ref());
    }
    for path in &paths {
        sources.add_path(path, profile.as_ref());
    }
    sources
}

/// The first of the usual folders that holds something of ours.
fn searched(options: &Options) -> Option<PathBuf> {
    let mut names =
        vec!["default.toml".to_owned(), "local.toml".to_owned(), "protocols".to_owned()];
    names.extend(options.profile.as_ref().map(|profile| format!("{profile}.toml")));
    // A folder that may not be looked into counts: reading it then says so.
    let holds =
        |folder: &&PathBuf| names.iter().any(|name| folder.join(name).try_exists().unwrap_or(true));
    options.search.iter().find(holds).cloned()
}

/// Where the profile comes from.
enum Profile {
    /// From a file of this name in the folders.
    File(String),
    /// From the presets, since no folder has it.
    BuiltIn(String, &'static str),
    /// It is nowhere; why, and what there is.
    Unknown(String),
}

impl Profile {
    fn find(name: &str, paths: &[PathBuf]) -> Self {
        let mut known: Vec<String> = paths.iter().flat_map(|folder| profiles_in(folder)).collect();
        if known.iter().any(|profile| profile == name) {
            return Self::File(format!("{name}.toml"));
        }
        if let Some((_, text)) = presets::PROFILES.iter().find(|(preset, _)| *preset == name) {
            return Self::BuiltIn(format!("built-in {name}.toml"), text);
        }
        known.extend(presets::PROFILES.iter().map(|(preset, _)| (*preset).to_owned()));
        known.sort();
        known.dedup();
        Self::Unknown(format!(
            "there is no profile {name:?}; there is {}, and a file {name}.toml in a folder of the \
             configuration makes one",
            known.join(", ")
        ))
    }
}

/// The profiles that a folder holds.
fn profiles_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let stems = names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned));
    stems.filter(|stem| stem != "default" && stem != "local").collect()
}

impl Sources {
    fn add_path(&mut self, path: &Path, profile: Option<&Profile>) {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => self.add_folder(path, profile),
            Ok(_) => {
                let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                self.folders.push(folder.unwrap_or(Path::new(".")).to_owned());
                self.add_file(path);
            }
            Err(error) => {
                let text =
                    format!("cannot be read: {}; give --config a file or a folder", reason(&error));
                self.faults.push(Fault::error(path.display().to_string(), "", text));
            }
        }
    }

    fn add_folder(&mut self, folder: &Path, profile: Option<&Profile>) {
        self.folders.push(folder.to_owned());
        let before = self.labels.len();
        self.add_file_if_there(&folder.join("default.toml"));
        match profile {
            Some(Profile::File(name)) => self.add_file_if_there(&folder.join(name)),
            _ => self.add_built_in(profile),
        }
        self.add_file_if_there(&folder.join("local.toml"));
        if self.labels.len() == before {
            let shown = folder.display();
            let text = format!(
                "holds no configuration, neither default.toml nor local.toml; \
                 tetherd config init {shown} writes one"
            );
            self.faults.push(Fault::error(shown.to_string(), "", text));
        }
    }

    fn add_built_in(&mut self, profile: Option<&Profile>) {
        if let Some(Profile::BuiltIn(label, text)) = profile {
            self.add_text(label, text);
        }
    }

    fn add_file_if_there(&mut self, path: &Path) {
        if path.try_exists().unwrap_or(true) {
            self.add_file(path);
        }
    }

    fn add_file(&mut self, path: &Path) {
        let label = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => self.add_text(&label, &text),
            Err(error) => {
                let text = format!("cannot be read: {}; mend or remove it", reason(&error));
                self.faults.push(Fault::error(label.clone(), "", text));
                self.labels.push(label);
            }
        }
    }

    pub(super) fn add_text(&mut self, label: &str, text: &str) {
        self.labels.push(label.to_owned());
        match Layer::read(label, text.strip_prefix('\u{feff}').unwrap_or(text)) {
            Ok(layer) => self.layers.push(layer),
            Err(faults) => self.faults.extend(faults),
        }
    }
}

/// The operating system's words without its number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
