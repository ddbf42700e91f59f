//! The dashboard in a real browser: what somebody who looks after a gateway does with it, and what a
//! page of somebody else can do to it.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    browser::Browser,
    login::{FULL, guarded},
};

/// A name that would be markup, if it ever were.
const NAME: &str = "<b>me</b>&lt,\"'";

async fn log_in(browser: &Browser, address: &str) {
    browser.go(&format!("http://{address}/")).await;
    browser.find("//input[@id='token']").await.send_keys(FULL).await.unwrap();
    browser.click("//button[.='Log in']").await;
    browser.find("//h1[@id='gateway' and .!='tetherd']").await;
}

#[actix_rt::test]
async fn somebody_logs_in_sees_a_device_commands_it_lets_go_of_it_and_sees_its_ending() {
    let Some(browser) = Browser::open().await else { return };
    let (rig, client, _folder) = guarded().await;
    log_in(&browser, &client.address).await;
    browser.find("//p[contains(., 'No device is here')]").await;
    let mut device = rig.online(NAME).await;
    device.write(b"<script>document.title='owned'</script>").await;
    browser.find("//aside//li[contains(., 'online')]").await;
    browser.click("//td//a[starts-with(., '<b>me</b>')]").await;
    browser.find(&format!("//h2[.={}]", quoted(NAME))).await;
    browser.find("//dd[.='online']").await;
    browser.click("//button[.='Show its bytes']").await;
    browser.find("//ol[@class='tap']/li[@class='opened']").await;

    browser.find("//textarea[@id='data']").await.send_keys("01 03 00 0g").await.unwrap();
    browser.click("//button[.='Send']").await;
    browser.find("//p[@role='alert' and contains(., 'no bytes in hexadecimal')]").await;
    let data = browser.find("//textarea[@id='data']").await;
    data.clear().await.unwrap();
    data.send_keys("01 03 0a ff").await.unwrap();
    browser.click("//select[@id='answer']/option[.='the next frame']").await;
    browser.click("//button[.='Send']").await;
    browser.find("//ol[@class='commands']/li").await;
    assert_eq!(device.read(4).await, [0x01, 0x03, 0x0a, 0xff]);
    device.write(b"<i>yes</i>").await;
    browser.find("//*[@class='steps' and contains(., 'answered')]").await;
    browser.find("//*[@class='answer']//*[contains(., '<i>yes</i>')]").await;
    browser.find("//ol[@class='tap']/li[@class='sent' and contains(., '01 03 0a ff')]").await;
    browser.find("//ol[@class='tap']/li[@class='received' and contains(., '<i>yes</i>')]").await;

    browser.click("//button[starts-with(., 'Let go of it')]").await;
    browser.click("//dialog//button[.='Leave it']").await;
    browser.until("!document.querySelector('dialog')").await;
    assert_eq!(rig.records.count("change by hand"), 1, "only the command");
    browser.click("//button[starts-with(., 'Let go of it')]").await;
    browser.click("//dialog//button[.='Let go']").await;
    device.ended().await;
    browser.find("//p[@class='gone' and contains(., 'is connected')]").await;
    browser.find("//li[contains(@class, 'closed') and contains(., 'kicked')]").await;
    browser.find("//dd[contains(., 'as kicked')]").await;
    browser.click("//nav//a[.='Ended']").await;
    browser.find("//tr[td[.='kicked'] and td[starts-with(., '<b>me</b>')]]").await;

    browser.click("//button[.='Log out']").await;
    browser.find("//input[@id='token']").await;
    let cookies = browser.run("return document.cookie").await;
    assert_eq!((cookies, browser.text().await.contains("<b>me</b>")), ("".into(), false));
    // That a device that was let go of is not found is said in the console, too.
    let mut complaints = browser.complaints().await;
    complaints.retain(|(source, what)| source != "network" || !what.contains("status of 404"));
    assert_eq!(complaints, []);
    browser.close().await;
    drop(device);
    rig.stop().await;
}

/// What a hostile page tries; `GATEWAY` is where the dashboard is.
const HOSTILE: &str = r#"<!doctype html><title>hostile</title><script>
const gateway = 'http://GATEWAY';
const json = { 'Content-Type': 'application/json' };
const tries = {
  read: () => fetch(gateway + '/api/devices', { credentials: 'include' }),
  kick: () => fetch(gateway + '/api/devices/me/session', { method: 'DELETE', credentials: 'include' }),
  skip: () => fetch(gateway + '/api/upstreams/web/skip', { method: 'POST', headers: json, body: '{}', credentials: 'include' }),
  blind: () => fetch(gateway + '/api/upstreams/web/skip', { method: 'POST', mode: 'no-cors', body: '{}', credentials: 'include' }).then(Promise.reject),
  login: () => fetch(gateway + '/api/login', { method: 'POST', mode: 'no-cors', body: '{"token":"x"}' }).then(Promise.reject),
  script: () => loaded('script', { src: gateway + '/dashboard/app.js' }),
  picture: () => loaded('img', { src: gateway + '/dashboard/icon.svg' }),
  events: () => new Promise((good, bad) => {
    const source = new EventSource(gateway + '/api/events', { withCredentials: true });
    source.onopen = good;
    source.onerror = bad;
  }),
  frame: async () => {
    const frame = document.createElement('iframe');
    const loaded = new Promise((done) => (frame.onload = done));
    frame.src = gateway + '/';
    document.body.append(frame);
    await loaded;
    return frame.contentDocument.querySelector('h1').textContent;
  },
};
function loaded(tag, attributes) {
  return new Promise((good, bad) => {
    const element = Object.assign(document.createElement(tag), attributes, { onload: good, onerror: bad });
    document.head.append(element);
  });
}
addEventListener('load', async () => {
  const outcomes = {};
  for (const [name, attempt] of Object.entries(tries)) {
    outcomes[name] = await attempt().then(() => 'done', () => 'refused');
  }
  window.outcomes = outcomes;
});
</script><body>"#;

/// Serves that page to whoever comes, also to those who come to steal into it.
async fn hostile_server(gateway: &str) -> String {
    let page = HOSTILE.replace("GATEWAY", gateway);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    actix_rt::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let page = page.clone();
            actix_rt::spawn(async move {
                let mut asked = [0; 4096];
                let _ = socket.read(&mut asked).await;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
                let answer = format!("{head}Content-Length: {}\r\n\r\n{page}", page.len());
                // A browser opens more connections than it uses.
                let _ = socket.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

#[actix_rt::test]
async fn a_hostile_page_in_the_browser_of_somebody_who_is_logged_in_can_do_nothing() {
    let Some(browser) = Browser::open().await else { return };
    let (rig, client, _folder) = guarded().await;
    let mut device = rig.online("me").await;
    log_in(&browser, &client.address).await;
    browser.find("//td//a[.='me']").await;
    let port = hostile_server(&client.address).await.rsplit_once(':').unwrap().1.to_owned();
    // Of another site; and of another program on this machine, whose requests bring the cookie.
    for host in ["attacker.example", "127.0.0.1"] {
        browser.go(&format!("http://{host}:{port}/")).await;
        browser.until("window.outcomes").await;
        let outcomes = browser.run("return window.outcomes").await;
        let outcomes = outcomes.as_object().unwrap();
        assert_eq!(outcomes.len(), 9);
        for (what, outcome) in outcomes {
            assert_eq!(outcome, "refused", "{what} by {host}");
        }
    }
    // A name that is made to lead to the gateway is an origin of its own there, and none of ours.
    let gateway = client.address.rsplit_once(':').unwrap().1;
    browser.go(&format!("http://attacker.example:{gateway}/")).await;
    assert!(browser.text().await.contains("\"status\":421"), "{}", browser.text().await);
    let rebound = browser
        .run("return fetch('/api/devices/me/session', { method: 'DELETE' }).then((a) => a.status)")
        .await;
    assert_eq!(rebound, 421);

    assert_eq!(rig.records.count("change by hand"), 0);
    device.write(b"still here").await;
    rig.sees(|report| report.name("me").bytes == 10).await;
    browser.go(&format!("http://{}/", client.address)).await;
    browser.find("//td//a[.='me']").await;
    browser.close().await;
    drop(device);
    rig.stop().await;
}

/// A text within an XPath, which knows no escapes.
fn quoted(text: &str) -> String {
    let parts: Vec<_> = text.split('\'').map(|part| format!("'{part}'")).collect();
    format!("concat({}, '')", parts.join(", \"'\", "))
}
