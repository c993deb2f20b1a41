//! Phones on a line that cuts, repeats, holds and crumbles what it carries.

use tests::TestServer;
use tests::bad_line::BadLine;

use crate::work::{Worker, finish_and_check};

/// Rounds of one phone with one seed.
const ROUNDS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_line_that_cuts_repeats_holds_and_crumbles_nothing_is_lost_or_doubled() {
    let seeds: Vec<u64> = match std::env::var("DUXING_LINE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => vec![seed],
        None => (1..=4).collect(),
    };
    for seed in seeds {
        println!("seed {seed}; to see it again: DUXING_LINE_SEED={seed} cargo xtask test --ring crash -- bad_line");
        let server = TestServer::start().await;
        let line = BadLine::to(&server.url, seed).await;
        let mut at_work = Vec::new();
        for mut worker in Worker::three(&server.url, &server.district).await {
            worker.phone.base.clone_from(&line.url);
            at_work.push(tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    worker.round().await;
                }
                worker
            }));
        }
        let mut workers = Vec::new();
        for worker in at_work {
            workers.push(worker.await.unwrap());
        }
        line.mend();
        let troubles: u64 = workers.iter().map(Worker::troubles).sum();
        assert!(troubles > 0, "the line was not bad at all");
        let figures = finish_and_check(&mut workers, &server.database_url).await;
        println!("figures: seed {seed}, {troubles} calls broke, {figures}");
    }
}
