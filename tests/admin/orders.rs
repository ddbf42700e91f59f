//! Commands by way of the API: found, commanded, answered, cancelled, refused.

use serde_json::{Value, json};

use crate::{client::Client, is_problem, rig, rig_with};

const JSON: &str = "Content-Type: application/json";

const NAME: &str = "860000000000001";

async fn post(client: &Client, body: &str) -> crate::Answer {
    client.ask("POST", &format!("/api/devices/{NAME}/commands"), &[JSON], body).await
}

/// Asks until the command has come to an end.
async fn end(client: &Client, id: &str) -> Value {
    loop {
        let told = client.get(&format!("/api/commands/{id}")).await.json();
        if ["answered", "failed", "expired"].contains(&told["state"].as_str().unwrap()) {
            return told;
        }
        tokio::task::yield_now().await;
    }
}

#[actix_rt::test]
async fn a_device_is_commanded_and_its_answer_is_read() {
    let (rig, client) = rig().await;
    let mut device = rig.online(NAME).await;
    let sent = post(&client, r#"{"command":"c-1","data":"01 03","encoding":"hex"}"#).await;
    is_problem(&sent, 400);
    let body = r#"{"command":"c-1","data":"0103","encoding":"hex","answer":"frame"}"#;
    let sent = post(&client, body).await;
    assert_eq!(sent.status, 202, "{}", sent.text());
    let told = sent.json();
    assert_eq!((&told["id"], &told["imei"]), (&json!("c-1"), &json!(NAME)));
    assert_eq!(told["durable"], false, "events wait in memory");
    assert_eq!(device.read(2).await, [1, 3]);
    device.write(b"done").await;
    let told = end(&client, "c-1").await;
    assert_eq!((&told["state"], &told["data"]), (&json!("answered"), &json!("ZG9uZQ==")));
    let again = post(&client, body).await;
    assert_eq!((again.status, &again.json()["state"]), (202, &json!("answered")));
    is_problem(&post(&client, r#"{"command":"c-1","data":"AQ=="}"#).await, 409);
    rig.stop().await;
}

#[actix_rt::test]
async fn whoever_waits_for_a_command_hears_of_its_end_or_of_its_next_state() {
    let (rig, client) = rig().await;
    let mut events = client.follow("/api/events").await;
    let body = r#"{"command":"c-1","data":"AQ==","answer":"frame"}"#;
    assert_eq!(post(&client, body).await.json()["ended"], false);
    let now = client.get("/api/commands/c-1?wait=1ms").await.json();
    assert_eq!((&now["state"], &now["ended"]), (&json!("queued"), &json!(false)));
    let end = client.get("/api/commands/c-1?wait=20s");
    let next = client.get("/api/commands/c-1?wait=20s&state=queued");
    let device = async {
        let mut device = rig.online(NAME).await;
        assert_eq!(device.read(1).await, [1]);
        device.write(b"yes").await;
        device
    };
    let (end, next, _device) = tokio::join!(end, next, device);
    let (end, next) = (end.json(), next.json());
    assert_eq!(
        (&end["state"], &end["data"], &end["ended"]),
        (&json!("answered"), &json!("eWVz"), &json!(true))
    );
    assert_ne!(next["state"], "queued");
    events.until("\"state\":\"answered\"").await;
    let told = events.events();
    let states: Vec<_> = told
        .iter()
        .filter(|event| event["event"] == "command" && event["id"] == "c-1")
        .map(|event| event["state"].as_str().unwrap())
        .collect();
    assert!(
        states.starts_with(&["queued", "written"]) && states.ends_with(&["answered"]),
        "{states:?}"
    );
    for bad in ["wait=10", "wait=soon", "until=10s"] {
        is_problem(&client.get(&format!("/api/commands/c-1?{bad}")).await, 400);
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn a_command_that_waits_is_cancelled_and_one_that_nobody_knows_is_not_there() {
    let (rig, client) = rig_with("", "[commands]\nmax_per_device = 1").await;
    let made = post(&client, r#"{"data":"AQ=="}"#).await.json();
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("api-") && made["state"] == "queued", "{made}");
    is_problem(&post(&client, r#"{"data":"AQ=="}"#).await, 429);
    let target = format!("/api/commands/{id}");
    let cancelled = client.ask("DELETE", &target, &[], "").await;
    assert_eq!((cancelled.status, &cancelled.json()["state"]), (200, &json!("cancelled")));
    assert_eq!(client.get(&target).await.json()["state"], "cancelled");
    is_problem(&client.get("/api/commands/nobody").await, 404);
    is_problem(&client.ask("DELETE", "/api/commands/nobody", &[], "").await, 404);
    is_problem(&post(&client, "[]").await, 400);
    is_problem(&post(&client, r#"{"cancel":"c-1"}"#).await, 400);
    rig.stop().await;
}

#[actix_rt::test]
async fn where_commands_are_off_the_api_says_so() {
    let (rig, client) = rig_with("", "[commands]\nenabled = false").await;
    is_problem(&post(&client, r#"{"data":"AQ=="}"#).await, 503);
    rig.stop().await;
}
