//! What real servers answered: see `scene.rs`.

mod scene;

use std::path::{Path, PathBuf};

use scene::Scene;

/// The scenes of every server, in order.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recorded");
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let servers = inside(&folder).into_iter().filter(|path| path.is_dir());
    servers.flat_map(|server| inside(&server)).collect()
}

#[test]
fn what_real_servers_answered_is_understood() {
    let files = files();
    for file in &files {
        println!("{}", file.display());
        Scene::parse(&std::fs::read(file).unwrap()).check();
    }
    // Four servers, each with and without names, in a migration, and so on.
    assert!(files.len() >= 28, "only {} scenes", files.len());
}

#[test]
fn a_scene_is_read_as_it_was_written() {
    for file in files() {
        let bytes = std::fs::read(file).unwrap();
        assert!(Scene::parse(&bytes).to_bytes() == bytes);
    }
}
