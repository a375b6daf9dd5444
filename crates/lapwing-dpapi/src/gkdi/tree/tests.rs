use super::*;
use crate::samples::unhex;

fn index(text: &str) -> i32 {
    text.parse().unwrap()
}

#[test]
fn seed_keys_are_the_ones_of_windows() {
    let mut lines = include_str!("../../fixtures/seeds.txt").lines();
    let descriptor = unhex(lines.next().unwrap());
    let mut count = 0;
    for line in lines {
        let [id, hash, root, indexes, expected] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let tree = Tree { root_key_id: id.parse().unwrap(), hash: Hash::from_name(hash).unwrap() };
        let root: [u8; SEED_LEN] = unhex(root).try_into().unwrap();
        let mut indexes = indexes.split(',').map(index);
        let l0 = L0Key::new(tree, &root, indexes.next().unwrap());
        let l1 = indexes.next().map(|l1| l0.newest(&descriptor).older(l1).unwrap());
        let l2 = indexes.next().map(|l2| l1.as_ref().unwrap().newest().unwrap().older(l2).unwrap());
        let found = match (&l2, &l1) {
            (Some(l2), _) => l2.expose_secret(),
            (None, Some(l1)) => l1.expose_secret(),
            (None, None) => &l0.seed,
        };
        assert_eq!(found.as_slice(), unhex(expected), "{line}");
        count += 1;
    }
    assert_eq!(count, 13);
}

fn own() -> L0Key {
    let tree =
        Tree { root_key_id: "00112233-4455-6677-8899-aabbccddeeff".parse().unwrap(), hash: Hash::Sha512 };
    L0Key::new(tree, &core::array::from_fn(|at| u8::try_from(at).unwrap()), 364)
}

#[test]
fn every_step_is_the_one_expected() {
    let l0 = own();
    let newest = l0.newest(&crate::descriptor::security_descriptor(&crate::samples::own_sid()));
    let l1 = newest.older(18).unwrap();
    let l2 = l1.newest().unwrap().older(15).unwrap();
    let steps = [
        (
            &*l0.seed,
            "c48a323f8795878e9d95906318a4c9af96bc5660f304dde0a1a41b29a6951b43c991f9e2a4e6aac6aacec1a82d49d16eadd0910585a90b81e04c86de9eaf873d",
        ),
        (
            &*newest.seed,
            "110df240934ab7d9731624d9f3a4b2e698216f128ce591c500c0f9f6cceb85658ba717fcee241c49fce33ae019cc1dcb4ef860da307090c22a13594b6adc2dc9",
        ),
        (
            &*l1.seed,
            "b2f6656597bbb2e893fb423b606e9585941c4a764a233a25b4f00cc016de54810ffa3400ba12951002017885b3ce6eaa7957bee126b0e50033bc95ee5a07b35a",
        ),
        (
            &*l1.older(17).unwrap().seed,
            "8ff6039a6b82e148a1a5a9db858d807d5c010b41b121fb076d46e6ecdf396288a9ab36b3c946a30fd049a76808f03c123b3fb1b6a7257a5c83366c937d1be08e",
        ),
        (
            &*l2.seed,
            "c4283266439bcf8fb23a21622784f5a671cde68e21b91a052b7b70217b791b50850b616bcdfb9b400e6d85257b8d70d7de47f57bf9e1e203dc5c715266a27381",
        ),
    ];
    for (seed, expected) in steps {
        assert_eq!(seed.to_vec(), unhex(expected));
    }
}

#[test]
fn keys_lead_to_older_ones_alone_in_any_number_of_steps() {
    let newest = own().newest(b"descriptor");
    let l1 = newest.older(18).unwrap();
    assert!(l1.older(19).is_none() && l1.older(31).is_none() && l1.older(-1).is_none());
    assert_eq!(l1.older(3).unwrap().seed, newest.older(3).unwrap().seed);
    assert_eq!(l1.older(18).unwrap().seed, l1.seed);
    let l2 = l1.newest().unwrap().older(15).unwrap();
    assert!(l2.older(16).is_none() && l2.older(-1).is_none());
    assert_eq!(l2.older(7).unwrap().older(0).unwrap().seed, l2.older(0).unwrap().seed);
    assert_eq!(l2.older(7).unwrap().interval, Interval::new(364, 18, 7).unwrap());
}

#[test]
fn a_debug_print_shows_no_secret() {
    let (l0, l1) = (own(), own().newest(b""));
    let l2 = l1.newest().unwrap();
    assert_eq!(
        format!("{l0:?} {l1:?} {l2:?}"),
        "L0Key(364, redacted) L1Key(364, 31, redacted) L2Key([364, 31, 31], redacted)"
    );
}
