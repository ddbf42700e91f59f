//! The sums at the end.

use tetherd::spool::Ledger;

use crate::{
    device::Sent,
    memory::Memory,
    truth::{Conversation, Truth},
};

/// The web server has everything but what it was told to be lost, and the ledger says the same. The
/// ledger counts from the offset `from` on.
pub fn web_server(
    memory: &Memory,
    ledger: &Ledger,
    from: u64,
    truth: &Truth,
) -> Result<(), String> {
    let must_have = truth.offsets(0).filter(|offset| !truth.gone_with_their_spool(*offset));
    if let (_, Some(_)) = memory.account(must_have) {
        return Err("an event never arrived and no gap told of it".into());
    }
    let (events, _) = memory.account(truth.offsets(from));
    let received = truth.offsets(from).count() as u64;
    let sums = format!("{received} events, {events} of them with the web server, {ledger:?}");
    let is_right = ledger.balances()
        && ledger.waiting == 0
        && ledger.received == received
        && ledger.delivered <= events
        && received - events <= ledger.dropped;
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
