//! Phones behind a line that cuts, repeats, holds and slices: nothing acknowledged is lost, nothing is stored twice.

use tests::faults::FaultyLine;
use tests::phone::{Phone, applicable_items};
use tests::{TestServer, people};

use super::{Acks, GroupId, acks_of, log};

/// Rounds of one phone under one seed.
const ROUNDS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phones_work_through_a_line_that_cuts_repeats_holds_and_slices() {
    for seed in [1, 2, 3] {
        // Shown only when the test fails; it is what a second run needs.
        println!("fault line seed {seed}");
        work_through_faults(seed).await;
    }
}

async fn work_through_faults(seed: u64) {
    let server = TestServer::start().await;
    let line = FaultyLine::to(&server.url, seed).await;
    let items = applicable_items();
    let mut acks = Acks::new();
    let mut phones = Vec::new();
    for person in [&server.district.a, &server.district.a, &server.district.b] {
        let mut phone = Phone::sign_in(&server.url, &person.login, people::PASSWORD)
            .await
            .unwrap();
        phone.base = line.url.clone();
        // A connection for each request, so that each meets a fault of its own.
        phone.http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let at = phone.start_visit(server.district.schools[0]);
        phones.push((phone, at));
    }
    let mut failed = 0;
    for round in 0..ROUNDS {
        for (phone, at) in &mut phones {
            phone.answer(at, &items[round % items.len()], ["yes", "no"][round / items.len() % 2]);
            match phone.push_once().await {
                Ok(Some(reply)) => {
                    acks.extend(acks_of(&reply));
                    let stored = phone.replica.handle_push_reply(&reply);
                    phone.disk.write(stored);
                }
                Ok(None) => {}
                Err(_) => failed += 1,
            }
            let _ = phone.pull().await;
        }
    }
    assert!(
        failed > ROUNDS / 10,
        "seed {seed}: the line was hardly faulty: {failed} pushes failed"
    );

    for (phone, _) in &mut phones {
        phone.base = server.url.clone();
        phone.restart();
        phone.sync().await.unwrap();
        assert_eq!(phone.pending(), 0, "seed {seed}");
    }
    // Once more round, so that the first has what the last sent.
    for (phone, _) in &mut phones {
        phone.sync().await.unwrap();
    }
    let (first, at) = &phones[0];
    for (phone, _) in &phones[1..] {
        assert_eq!(
            phone.replica.buckets()[&at.bucket].sum,
            first.replica.buckets()[&at.bucket].sum,
            "seed {seed}"
        );
        assert_eq!(
            phone.replica.counted_sum(&at.bucket),
            first.replica.counted_sum(&at.bucket),
            "seed {seed}"
        );
    }
    let rows = log(&mut server.connect().await).await;
    let stored: Acks = rows
        .iter()
        .map(|row| (GroupId(row.id.clone().try_into().unwrap()), row.seq))
        .collect();
    assert_eq!(stored.len(), rows.len(), "seed {seed}: once");
    assert!(
        rows.iter().map(|row| row.seq).eq(1..=rows.len() as i64),
        "seed {seed}: no gap"
    );
    for (id, seq) in &acks {
        assert_eq!(stored.get(id), Some(seq), "seed {seed}: acknowledged and stored: {id}");
    }
    assert_eq!(stored.len(), 3 * (ROUNDS + 1), "seed {seed}: every answer arrived");
    println!(
        "seed {seed}: {failed} pushes failed, {} groups acknowledged, {} stored",
        acks.len(),
        stored.len()
    );
}
