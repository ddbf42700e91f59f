//! The spool against a plain model, through runs of everything that may happen to it.

mod machine;
mod operation;

use proptest::prelude::*;

use self::{
    machine::Machine,
    operation::{Operation, operation, setup},
};

/// So many runs; ten times as many where there is time.
fn cases(few: u32) -> ProptestConfig {
    let many = std::env::var_os("TETHERD_TEST_LONG").map_or(1, |_| 20);
    ProptestConfig { cases: few * many, failure_persistence: None, ..ProptestConfig::default() }
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
