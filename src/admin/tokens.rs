use std::{fs, path::Path};

use super::{AdminFault, Settings, settings::Access};
use crate::{link::are_equal, net::Address};

/// Shorter secrets can be guessed.
const SHORTEST: usize = 16;

/// Who asks, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the token; none where no tokens are needed.
    pub token: Option<String>,
    /// What it may do.
    pub access: Access,
}

/// The tokens as they are read from their files, at the start and at each reload.
#[derive(Clone, Default)]
pub struct Tokens(Vec<Token>);

#[derive(Clone, PartialEq, Eq)]
struct Token {
    name: String,
    access: Access,
    secret: String,
}

impl Tokens {
    /// Reads the files, for an API that listens at `address`.
    ///
    /// # Errors
    /// One cannot be read, or holds no token; a secret is never told. Or there is none, and others than
    /// this machine reach the address.
    pub fn read(settings: &Settings, address: &Address) -> Result<Self, AdminFault> {
        let wanted = settings.tokens.iter().filter(|(_, token)| token.enabled);
        let read = wanted.map(|(name, token)| {
            let fault = |why| AdminFault::Token {
                name: name.clone(),
                path: token.file.display().to_string(),
                why,
            };
            let secret = secret_in(&token.file).map_err(fault)?;
            Ok(Token { name: name.clone(), access: token.access, secret })
        });
        let tokens = read.collect::<Result<_, AdminFault>>().map(Self)?;
        if !address.is_local() && !tokens.are_needed() {
            return Err(AdminFault::Open { address: address.to_string() });
        }
        Ok(tokens)
    }

    /// Whether whoever was let in as `caller` by the tokens `before` still has what these ask for.
    pub fn still_let_in(&self, caller: &Caller, before: &Self) -> bool {
        let name = caller.token.as_deref();
        name.is_some() && self.find(name) == before.find(name)
    }

    /// The names of those that had another secret before.
    pub fn rotated<'t>(&'t self, before: &'t Self) -> impl Iterator<Item = &'t str> {
        let is_rotated = |token: &&Token| {
            let old = before.find(Some(&token.name));
            old.is_some_and(|old| old.secret != token.secret)
        };
        self.0.iter().filter(is_rotated).map(|token| token.name.as_str())
    }

    fn find(&self, name: Option<&str>) -> Option<&Token> {
        self.0.iter().find(|token| Some(token.name.as_str()) == name)
    }

    /// Whether anybody may do everything.
    pub fn are_needed(&self) -> bool {
        !self.0.is_empty()
    }

    /// Who says `authorization`, the header's value; nobody where it is no token of ours.
    pub fn caller(&self, authorization: Option<&str>) -> Option<Caller> {
        if !self.are_needed() {
            return Some(Caller { token: None, access: Access::Full });
        }
        let (scheme, said) = authorization?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        self.holder(said.trim())
    }

    /// Whose token `said` is.
    pub fn holder(&self, said: &str) -> Option<Caller> {
        // All are looked at, so that the time tells nothing about their order.
        let found = self.0.iter().fold(None, |found, token| {
            let is_it = are_equal(said.as_bytes(), token.secret.as_bytes());
            if is_it { Some(token) } else { found }
        })?;
        Some(Caller { token: Some(found.name.clone()), access: found.access })
    }
}

fn secret_in(path: &Path) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let secret = text.lines().next().unwrap_or_default().trim();
    let is_plain = secret.bytes().all(|byte| byte.is_ascii_graphic());
    if secret.len() < SHORTEST || !is_plain {
        return Err(format!(
            "its first line is no token; write {SHORTEST} visible ASCII characters or more, such as \
             those of: openssl rand -hex 32"
        ));
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let token = |name: &str, access, secret: &str| Token {
            name: name.to_owned(),
            access,
            secret: secret.to_owned(),
        };
        Tokens(vec![
            token("grafana", Access::Read, "0123456789abcdef"),
            token("ops", Access::Full, "fedcba9876543210"),
        ])
    }

    #[test]
    fn a_token_is_known_by_its_secret_and_by_nothing_else() {
        let name = |said| tokens().caller(said).and_then(|caller| caller.token);
        assert_eq!(name(Some("Bearer 0123456789abcdef")).as_deref(), Some("grafana"));
        assert_eq!(name(Some("bearer fedcba9876543210")).as_deref(), Some("ops"));
        for wrong in ["", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Basic 0123456789abcdef"] {
            assert_eq!(name(Some(wrong)), None, "{wrong:?}");
        }
        assert_eq!(name(None), None);
        let anybody = Tokens::default().caller(None);
        assert_eq!(anybody, Some(Caller { token: None, access: Access::Full }));
    }

    #[test]
    fn a_file_must_hold_a_secret_worth_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (text, good) in [("short\n", false), ("", false), ("0123456789abcdef\nrest\n", true)] {
            fs::write(&path, text).unwrap();
            assert_eq!(secret_in(&path).is_ok(), good, "{text:?}");
        }
        assert!(secret_in(&folder.path().join("none")).is_err());
    }
}
