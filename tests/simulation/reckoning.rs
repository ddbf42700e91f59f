//! The sums at the end.

use tetherd::spool::Ledger;

use crate::{
    device::Sent,
    memory::Memory,
    truth::{Conversation, Truth},
};

/// The web server has everything but what it was told to be lost, and the ledger says the same.
pub fn web_server(memory: &Memory, ledger: &Ledger, truth: &Truth) -> Result<(), String> {
    let from = truth.first_of(truth.spool());
    // What was in an earlier spool and is nowhere went with that.
    let is_owed = |offset: &u64| *offset >= from || !truth.is_excused(*offset);
    let must_have = truth.offsets(0).filter(is_owed);
    if let (_, Some(_)) = memory.account(must_have) {
        return Err("an event never arrived and no gap told of it".into());
    }
    let (events, _) = memory.account(truth.offsets(from));
    let all = truth.offsets(from).count() as u64;
    let lost = truth.offsets(from).filter(|offset| truth.is_excused(*offset)).count() as u64;
    let is_right = ledger.balances()
        && ledger.waiting == 0
        && (all - lost..=all).contains(&ledger.received)
        && ledger.delivered <= events
        && ledger.dropped + lost >= all - events;
    let sums =
        format!("{all} events, {lost} lost at most, {events} with the web server, {ledger:?}");
    if is_right { Ok(()) } else { Err(format!("the ledger is wrong: {sums}")) }
}

/// What was told of a connection is what its device had sent.
pub fn connection(sent: &Sent, told: &Conversation) -> Result<(), String> {
    let sums = || Err(format!("{sent:?}, {told:?}"));
    if told.told > sent.data {
        return sums();
    }
    match told.ended {
        // It had time to say all, and all of it was read.
        Some(("peer_closed", read)) => {
            let all = sent.registration + sent.data;
            if told.told == sent.data && read == all { Ok(()) } else { sums() }
        }
        _ if sent.alone && sent.finished => sums(),
        _ => Ok(()),
    }
}
