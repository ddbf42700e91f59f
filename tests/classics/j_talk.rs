use crate::program::Program;

/// The numbers of the server's messages that this client received, in order.
fn heard(client: &Program) -> Vec<u64> {
    let lines = client.lines();
    let messages = lines.iter().filter(|line| line.contains(" received "));
    let numbers = messages.filter_map(|line| line.rsplit_once("server message ")?.1.parse().ok());
    numbers.collect()
}

#[actix_rt::test]
async fn j_client_and_server_talk_in_turns_with_one_counter_for_all() {
    let server = Program::example("talk", &["127.0.0.1:0", "20ms"]);
    let address = server.address().await;
    let talk = ["--data", "hello", "--every", "1h", "--answer", "client data: {i}"];
    let arguments = [&["device", &address, "--no-register", "--messages", "4"], &talk[..]].concat();
    let mut clients = [Program::tetherd(&arguments), Program::tetherd(&arguments)];
    for client in &mut clients {
        assert_eq!(client.ended().await.code(), Some(0));
        for number in 1..=3 {
            client.says(&format!("client data: {number}")).await;
        }
        client.says("by the device, done").await;
        assert!(heard(client).is_sorted() && heard(client).len() >= 3, "{:?}", client.lines());
    }
    let mut numbers = clients.iter().flat_map(heard).collect::<Vec<_>>();
    numbers.sort_unstable();
    assert!(numbers.is_sorted_by(|one, next| one < next), "no number came twice: {numbers:?}");
    assert_eq!(numbers[0], 1);
    server.stop().await;
}
