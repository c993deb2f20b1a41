//! From what a person types to the key that opens their safe: Argon2id. Compiled twice: into a small module that a worker of the
//! browser loads, so that the screen does not stand still meanwhile, and into the tests, which open what a phone left on its disk.

use argon2::{Algorithm, Argon2, Params, Version};

/// The key for a passphrase; `None` where the device cannot spare the memory.
pub fn derive(passphrase: &[u8], salt: &[u8], memory_kib: u32, passes: u32) -> Option<[u8; 32]> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).ok()?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut key = [0; 32];
    argon.hash_password_into(passphrase, salt, &mut key).ok()?;
    Some(key)
}

/// Room for so many bytes, for the worker to write into. It is never given back: the worker ends after one key.
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: usize) -> *mut u8 {
    Box::leak(vec![0u8; bytes].into_boxed_slice()).as_mut_ptr()
}

/// Derives into `key`, which has room for 32 bytes. 1 when it worked.
///
/// # Safety
/// The pointers come from [`room`] and have room for as many bytes as is said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derive_into(
    passphrase: *const u8,
    passphrase_bytes: usize,
    salt: *const u8,
    salt_bytes: usize,
    memory_kib: u32,
    passes: u32,
    key: *mut u8,
) -> u32 {
    // SAFETY: the caller keeps what this function asks of it.
    let (passphrase, salt, out) = unsafe {
        (
            std::slice::from_raw_parts(passphrase, passphrase_bytes),
            std::slice::from_raw_parts(salt, salt_bytes),
            std::slice::from_raw_parts_mut(key, 32),
        )
    };
    match derive(passphrase, salt, memory_kib, passes) {
        Some(key) => {
            out.copy_from_slice(&key);
            1
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: usize = 16;

    #[test]
    fn another_word_another_salt_or_other_costs_give_another_key() {
        let key =
            |word: &str, salt: u8, memory, passes| derive(word.as_bytes(), &[salt; SALT], memory, passes).unwrap();
        let mine = key("督学", 1, 64, 1);
        assert_eq!(mine, key("督学", 1, 64, 1));
        for other in [
            key("督學", 1, 64, 1),
            key("督学", 2, 64, 1),
            key("督学", 1, 128, 1),
            key("督学", 1, 64, 2),
        ] {
            assert_ne!(mine, other);
        }
    }

    #[test]
    fn a_salt_that_is_none_and_costs_that_make_no_sense_give_no_key() {
        assert_eq!(derive(b"x", b"short", 64, 1), None);
        assert_eq!(derive(b"x", &[1; SALT], 64, 0), None);
        assert_eq!(derive(b"x", &[1; SALT], 1, 1), None);
    }
}
