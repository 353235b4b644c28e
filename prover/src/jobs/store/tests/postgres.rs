//! The same on PostgreSQL: `make jobs-test`.

use super::*;

/// Every statement has the same meaning there.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: make jobs-test"]
async fn every_change_of_a_job_on_postgres() {
    let url = std::env::var("ASSAY_TEST_POSTGRES").unwrap();
    let opened = join_all((0..4).map(|_| Store::open(&url, rules()))).await;
    let store = opened.into_iter().map(Result::unwrap).next_back().unwrap();
    // Numbers of this run alone: the database may hold others.
    let first = u64::from(u32::from_le_bytes(crate::random::bytes().unwrap())) << 8;
    let before = store.census().await.unwrap();
    let count = |census: &Census, state| census.jobs.get(&state).copied().unwrap_or(0);
    for number in first..first + 4 {
        submit(&store, number).await.unwrap();
    }
    assert!(submit(&store, first).await.is_err(), "kept twice");
    let id = |number: u64| format!("{:032x}", first + number);
    assert!(prove(&store, first).await.unwrap());
    assert!(store.cancel(&id(1)).await.unwrap() && !store.cancel(&id(1)).await.unwrap());
    let claim = store.claim(&id(2)).await.unwrap().unwrap();
    assert!(store.renew(&claim).await.unwrap());
    store.hand_back(&claim).await.unwrap();
    let claim = store.claim(&id(2)).await.unwrap().unwrap();
    let error = Error::Witness { why: "spoilt".to_owned() };
    store.fail(&claim, &error, true).await.unwrap();
    assert_eq!(store.job(&id(2)).await.unwrap().unwrap().state(), State::Parked);
    assert!(store.retry(&id(2)).await.unwrap());
    let claim = store.claim(&id(2)).await.unwrap().unwrap();
    assert!(store.finish(&claim, &[1; 192], 1).await.unwrap());
    let given = store.proved().await.unwrap();
    let given = given.into_iter().find(|given| given.id == claim.id).unwrap();
    store.refuse(&given, &error).await.unwrap();
    assert_eq!(store.job(&id(2)).await.unwrap().unwrap().state(), State::Queued);
    let mut parked = 0;
    while parked < 2 {
        parked += store.park_unknown().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let census = store.census().await.unwrap();
    assert!(census.parked["key-unknown"] >= 2, "{census:?}");
    assert!(store.announce(&[card(1)]).await.unwrap() >= 2);
    store.due().await.unwrap();
    assert!(store.backlog().await.unwrap().open >= 2);
    for state in [State::Cancelled, State::Done] {
        assert_eq!(count(&census, state), count(&before, state) + 1, "{state:?}");
    }
    assert!(store.card(&id(3)).await.unwrap() == Some(card(1)));
    assert!(
        store.keeps_witness(&id(3)).await.unwrap() && !store.keeps_witness(&id(0)).await.unwrap()
    );
    assert!(!store.jobs(Some(State::Done)).await.unwrap().is_empty());
    assert!(store.jobs(None).await.unwrap().len() >= 4);
    store.check().await.unwrap();
    assert!(Store::existing(&url, rules()).await.is_ok());
    for number in 2..4 {
        assert!(store.cancel(&id(number)).await.unwrap());
    }
}

/// What stands between a store and its database, until it is dropped.
struct Way(tokio::task::JoinSet<()>);

impl Way {
    async fn open(port: u16, socket: &str) -> (Self, u16) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (socket, mut tasks) = (socket.to_owned(), tokio::task::JoinSet::new());
        tasks.spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut here, _)) = listener.accept().await {
                let mut there = tokio::net::UnixStream::connect(&socket).await.unwrap();
                open.spawn(async move {
                    let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        });
        (Self(tasks), port)
    }

    async fn close(mut self) {
        self.0.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: make jobs-test"]
async fn a_database_that_goes_and_comes_again_on_postgres() {
    let url = std::env::var("ASSAY_TEST_POSTGRES").unwrap();
    let socket = format!("{}/.s.PGSQL.5432", url.split_once("?host=").unwrap().1);
    let (way, port) = Way::open(0, &socket).await;
    let url = format!("postgres://assay@127.0.0.1:{port}/assay");
    let store = Store::open(&url, rules()).await.unwrap();
    let first = u64::from(u32::from_le_bytes(crate::random::bytes().unwrap())) << 8;
    submit(&store, first).await.unwrap();
    store.check().await.unwrap();
    way.close().await;
    // Connections that broke off say so; then there is none, and that is said with its reason.
    let mut said = String::new();
    while !said.contains("it cannot be reached") {
        let error = submit(&store, first + 1).await.unwrap_err();
        assert_eq!(error.code(), "store-unavailable", "{error}");
        said = error.to_string();
    }
    assert!(said.contains("refused"), "{said}");
    assert_eq!(store.check().await.unwrap_err().code(), "store-unavailable");
    let (way, _) = Way::open(port, &socket).await;
    submit(&store, first + 1).await.unwrap();
    store.check().await.unwrap();
    for number in first..first + 2 {
        assert!(store.receipt(digest(number)).await.unwrap().is_some());
        assert!(store.cancel(&format!("{number:032x}")).await.unwrap());
    }
    way.close().await;
}
