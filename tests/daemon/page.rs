//! The live page in a headless Chromium, while thousands of connections pass.

use crate::browser::Browser;
use crate::captures::have;
use crate::net::{Net, can_run, finish, wait_for};
use crate::soak::write_load;
use crate::started::Started;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Connections of each of four kinds.
const COPIES: u32 = 750;

/// The numbers in its tiles, by outcome.
fn counts(browser: &Browser) -> BTreeMap<String, u32> {
    let tiles = "return Object.fromEntries([...document.querySelectorAll('#outcomes li')]
        .map((tile) => [tile.className, Number(tile.querySelector('.count').textContent.replaceAll(',', ''))]))";
    serde_json::from_value(browser.run(tiles)).expect("numbers")
}

#[test]
fn the_page_keeps_up_with_thousands_of_connections() {
    if !can_run() || !have("tcpreplay") || !have("chromium") || !have("chromedriver") {
        return;
    }
    let net = Net::new();
    let daemon = Started::new(&net, "[daemon.log]\nhealthy = false\n");
    let load = daemon.folder().join("load.pcapng");
    write_load(&load, COPIES);
    let told = net.be_client(|| {
        let browser = Browser::start();
        browser.resize(1280, 900);
        browser.visit("http://127.0.0.1:9464/");
        wait_for("the page to be live", || {
            browser.run("return document.querySelector('#state').textContent") == "live"
        });
        let replayed = finish(net.at_server("tcpreplay").args(["-q", "-K", "--pps=10000", "-i", "en0"]).arg(&load));
        assert!(replayed.status.success());
        wait_for("all to be counted", || counts(&browser).values().sum::<u32>() == COPIES * 4);
        let rows = browser.run("return document.querySelectorAll('#rows tr').length");
        assert_eq!(rows, 100, "it shows the latest ones only");

        // Who wants those of one kind gets them, and the story of each.
        browser.run("document.querySelector('.outcomes .ok button').click()");
        let others = "return document.querySelectorAll('#rows tr:not(.ok)').length";
        wait_for("the good ones alone", || browser.run(others) == 0);
        browser.run("document.querySelector('#rows button').click()");
        wait_for("the story", || browser.run("return document.querySelectorAll('#told .details.ok').length") == 1);

        for width in [1280, 400] {
            browser.resize(width, 900);
            assert_eq!(browser.run("return document.documentElement.scrollWidth"), width, "it fits");
        }
        assert_eq!(browser.console(), [""; 0]);
        counts(&browser)
    });
    let ok = daemon.metric("iotcap_connections_total{outcome=\"ok\",cause=\"\"}").unwrap();
    assert!((f64::from(told["ok"]) - ok).abs() < 0.5, "{told:?}, {ok}");
    // One of the kinds is healthy; how the others end depends on how quickly they are replayed.
    assert!(told["ok"] >= COPIES && told["failed"] >= COPIES, "{told:?}");
}

#[test]
fn the_page_says_that_the_daemon_is_gone() {
    if !can_run() || !have("chromium") || !have("chromedriver") {
        return;
    }
    let net = Net::new();
    let daemon = Started::new(&net, "");
    net.be_client(|| {
        let browser = Browser::start();
        browser.visit("http://127.0.0.1:9464/");
        let state = "const state = document.querySelector('#state'); return [state.textContent, state.className]";
        wait_for("the page to be live", || browser.run(state) == json!(["live", ""]));
        daemon.kill();
        let is_bad =
            |state: &Value| state[1] == "bad" && state[0].as_str().is_some_and(|text| text.contains("does not answer"));
        wait_for("the page to notice", || is_bad(&browser.run(state)));
    });
}
