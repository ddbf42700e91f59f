use super::{Cut, Fit};

/// A frame of one of several sizes: the smallest behind which another frame begins, or nothing
/// comes for a while.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Sizes(
    /// Rising, none zero, at least one.
    pub Box<[usize]>,
);

impl Sizes {
    pub fn cut(&self, bytes: &[u8], limit: usize, quiet: bool, next: &dyn Fn(&[u8]) -> Fit) -> Cut {
        let allowed = &self.0[..self.0.partition_point(|size| *size <= limit)];
        let mut fallback = None;
        for (at, &size) in allowed.iter().enumerate() {
            let Some(behind) = bytes.get(size..) else {
                return match fallback {
                    Some(size) if quiet => done(size),
                    _ => Cut::More { least: size, decided: fallback.is_none() },
                };
            };
            if at + 1 == allowed.len() {
                return done(size);
            }
            let fit = if behind.is_empty() { Fit::Open } else { next(behind) };
            match fit {
                Fit::Yes => return done(size),
                Fit::Open if quiet => return done(size),
                Fit::Open => return Cut::More { least: bytes.len() + 1, decided: false },
                Fit::No => fallback = Some(size),
            }
        }
        Cut::Broken
    }
}

fn done(size: usize) -> Cut {
    Cut::Done { total: size, frame: 0..size }
}
