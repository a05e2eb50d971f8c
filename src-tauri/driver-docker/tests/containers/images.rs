//! Building an image, and getting one that is not to be had.

use crate::bench::Bench;
use driver_docker::Build;
use model::ExitStatus;
use testkit::Engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_built_from_a_folder_and_a_new_one_makes_a_new_container() {
    for engine in [Engine::Docker, Engine::Podman] {
        let Some(mut bench) = Bench::new(engine).await else {
            return;
        };
        let folder = bench.home.path().join("context");
        std::fs::create_dir(&folder).unwrap();
        let image = testkit::IMAGE;
        let dockerfile = format!(
            "FROM {image}\nARG WORD\nENV WORD=$WORD\nCOPY . /context/\nENTRYPOINT [\"/puppet\", \"env\", \"WORD\"]\n"
        );
        std::fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
        std::fs::write(folder.join(".dockerignore"), "secret\n").unwrap();
        std::fs::write(folder.join("secret"), "x").unwrap();
        std::fs::write(folder.join("file"), "x").unwrap();
        let mut spec = bench.spec(&[]);
        (spec.image, spec.entrypoint) = ("localhost/built:1".into(), None);
        assert!(!bench.driver.has_image(&spec.image).await.unwrap());
        for (generation, word) in [(1, "one"), (2, "two")] {
            let build = Build {
                tag: spec.image.clone(),
                context: folder.clone(),
                args: [("WORD".to_owned(), word.to_owned())].into(),
                // Podman's cache does not see that an argument has changed.
                no_cache: engine == Engine::Podman,
                ..Build::default()
            };
            let mut said = Vec::new();
            let built = bench.driver.build(build, |step| said.push(step.said)).await;
            built.unwrap_or_else(|error| panic!("{engine:?}: {error}; it said {said:?}"));
            assert!(
                said.iter().any(|line| line.contains("COPY")),
                "{engine:?}: {said:?}"
            );
            bench.run("a", generation, spec.clone()).await;
            assert_eq!(bench.exited().await.1, ExitStatus::Code(0));
            let log = bench.log("a");
            assert!(
                log.ends_with(&format!("WORD={word}\n")),
                "{engine:?}: {log}"
            );
        }
        let broken = format!("FROM {image}\nCOPY secret /\n");
        std::fs::write(folder.join("Dockerfile"), broken).unwrap();
        let build = Build {
            tag: "localhost/broken".into(),
            context: folder,
            ..Build::default()
        };
        let error = bench
            .driver
            .build(build, |_| {})
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("secret"), "{engine:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_is_not_to_be_had_says_why() {
    let Some(bench) = Bench::new(Engine::Docker).await else {
        return;
    };
    // Nobody listens there.
    let image = "127.0.0.1:9/nobody/has-this";
    let error = bench
        .driver
        .pull(image, None, |_| {})
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("127.0.0.1:9"), "{error}");
}
