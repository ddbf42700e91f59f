use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the process's descriptor limit to the hard one, and answers what holds now.
pub fn raise_descriptor_limit() -> usize {
    let now = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: now.maximum, maximum: now.maximum };
    // Refused only by a sandbox; then the limit that holds already is the answer.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |limit| limit as usize)
}
