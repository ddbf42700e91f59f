//! The spool against a plain model, through runs of everything that may happen to it.

mod machine;
mod operation;

use proptest::{prelude::*, test_runner::RngSeed};

use self::{
    machine::Machine,
    operation::{Operation, operation, setup},
};

/// So many runs, always the same; twenty times as many, always others, where there is time.
fn cases(few: u32) -> ProptestConfig {
    let (many, rng_seed) = match std::env::var_os("TETHERD_TEST_LONG") {
        None => (1, RngSeed::Fixed(17)),
        Some(_) => (20, RngSeed::Random),
    };
    let cases = few * many;
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn whatever_happens_the_spool_keeps_its_word(
        setup in setup(),
        operations in proptest::collection::vec(operation(), 1..150),
    ) {
        let mut machine = Machine::new(&setup);
        for operation in &operations {
            machine.run(operation);
        }
        machine.come_to_rest();
    }
}
