//! The checksums that protocol files may name: the catalogue of cyclic redundancy checks that the
//! crate `crc` carries, and the plain sums of this field.

use crc::{Algorithm, Crc, Table};

use super::{Plain, Sum};

/// Names that datasheets use, and what the catalogue calls them.
const ALIASES: &[(&str, &str)] = &[
    ("crc16-x25", "crc16-ibm-sdlc"),
    ("crc16-ccitt-false", "crc16-ibm-3740"),
    ("crc16-ccitt", "crc16-kermit"),
    ("crc16-ibm", "crc16-arc"),
    ("crc16-ansi", "crc16-arc"),
    ("crc16-aug-ccitt", "crc16-spi-fujitsu"),
    ("crc16-buypass", "crc16-umts"),
    ("crc16-maxim", "crc16-maxim-dow"),
    ("crc8-maxim", "crc8-maxim-dow"),
    ("crc8-ccitt", "crc8-smbus"),
    ("crc8", "crc8-smbus"),
    ("crc8-egts", "crc8-nrsc-5"),
    ("crc32", "crc32-iso-hdlc"),
    ("crc32c", "crc32-iscsi"),
    ("lrc", "neg8"),
];

const PLAIN: &[(&str, Plain)] = &[
    ("xor8", Plain::Xor8),
    ("sum8", Plain::Sum8),
    ("sum16", Plain::Sum16),
    ("sum32", Plain::Sum32),
    ("neg8", Plain::Neg8),
    ("neg16", Plain::Neg16),
    ("inv8", Plain::Inv8),
    ("inv16", Plain::Inv16),
    ("ip16", Plain::Ip16),
];

const U8: &[(&str, &Algorithm<u8>)] = &[
    ("crc8-autosar", &crc::CRC_8_AUTOSAR),
    ("crc8-bluetooth", &crc::CRC_8_BLUETOOTH),
    ("crc8-cdma2000", &crc::CRC_8_CDMA2000),
    ("crc8-darc", &crc::CRC_8_DARC),
    ("crc8-dvb-s2", &crc::CRC_8_DVB_S2),
    ("crc8-gsm-a", &crc::CRC_8_GSM_A),
    ("crc8-gsm-b", &crc::CRC_8_GSM_B),
    ("crc8-hitag", &crc::CRC_8_HITAG),
    ("crc8-i-432-1", &crc::CRC_8_I_432_1),
    ("crc8-i-code", &crc::CRC_8_I_CODE),
    ("crc8-lte", &crc::CRC_8_LTE),
    ("crc8-maxim-dow", &crc::CRC_8_MAXIM_DOW),
    ("crc8-mifare-mad", &crc::CRC_8_MIFARE_MAD),
    ("crc8-nrsc-5", &crc::CRC_8_NRSC_5),
    ("crc8-opensafety", &crc::CRC_8_OPENSAFETY),
    ("crc8-rohc", &crc::CRC_8_ROHC),
    ("crc8-sae-j1850", &crc::CRC_8_SAE_J1850),
    ("crc8-smbus", &crc::CRC_8_SMBUS),
    ("crc8-tech-3250", &crc::CRC_8_TECH_3250),
    ("crc8-wcdma", &crc::CRC_8_WCDMA),
];

const U16: &[(&str, &Algorithm<u16>)] = &[
    ("crc16-arc", &crc::CRC_16_ARC),
    ("crc16-cdma2000", &crc::CRC_16_CDMA2000),
    ("crc16-cms", &crc::CRC_16_CMS),
    ("crc16-dds-110", &crc::CRC_16_DDS_110),
    ("crc16-dect-r", &crc::CRC_16_DECT_R),
    ("crc16-dect-x", &crc::CRC_16_DECT_X),
    ("crc16-dnp", &crc::CRC_16_DNP),
    ("crc16-en-13757", &crc::CRC_16_EN_13757),
    ("crc16-genibus", &crc::CRC_16_GENIBUS),
    ("crc16-gsm", &crc::CRC_16_GSM),
    ("crc16-ibm-3740", &crc::CRC_16_IBM_3740),
    ("crc16-ibm-sdlc", &crc::CRC_16_IBM_SDLC),
    ("crc16-iso-iec-14443-3-a", &crc::CRC_16_ISO_IEC_14443_3_A),
    ("crc16-kermit", &crc::CRC_16_KERMIT),
    ("crc16-lj1200", &crc::CRC_16_LJ1200),
    ("crc16-m17", &crc::CRC_16_M17),
    ("crc16-maxim-dow", &crc::CRC_16_MAXIM_DOW),
    ("crc16-mcrf4xx", &crc::CRC_16_MCRF4XX),
    ("crc16-modbus", &crc::CRC_16_MODBUS),
    ("crc16-nrsc-5", &crc::CRC_16_NRSC_5),
    ("crc16-opensafety-a", &crc::CRC_16_OPENSAFETY_A),
    ("crc16-opensafety-b", &crc::CRC_16_OPENSAFETY_B),
    ("crc16-profibus", &crc::CRC_16_PROFIBUS),
    ("crc16-riello", &crc::CRC_16_RIELLO),
    ("crc16-spi-fujitsu", &crc::CRC_16_SPI_FUJITSU),
    ("crc16-t10-dif", &crc::CRC_16_T10_DIF),
    ("crc16-teledisk", &crc::CRC_16_TELEDISK),
    ("crc16-tms37157", &crc::CRC_16_TMS37157),
    ("crc16-umts", &crc::CRC_16_UMTS),
    ("crc16-usb", &crc::CRC_16_USB),
    ("crc16-xmodem", &crc::CRC_16_XMODEM),
];

const U32: &[(&str, &Algorithm<u32>)] = &[
    ("crc24-ble", &crc::CRC_24_BLE),
    ("crc24-flexray-a", &crc::CRC_24_FLEXRAY_A),
    ("crc24-flexray-b", &crc::CRC_24_FLEXRAY_B),
    ("crc24-interlaken", &crc::CRC_24_INTERLAKEN),
    ("crc24-lte-a", &crc::CRC_24_LTE_A),
    ("crc24-lte-b", &crc::CRC_24_LTE_B),
    ("crc24-openpgp", &crc::CRC_24_OPENPGP),
    ("crc24-os-9", &crc::CRC_24_OS_9),
    ("crc32-aixm", &crc::CRC_32_AIXM),
    ("crc32-autosar", &crc::CRC_32_AUTOSAR),
    ("crc32-base91-d", &crc::CRC_32_BASE91_D),
    ("crc32-bzip2", &crc::CRC_32_BZIP2),
    ("crc32-cd-rom-edc", &crc::CRC_32_CD_ROM_EDC),
    ("crc32-cksum", &crc::CRC_32_CKSUM),
    ("crc32-iscsi", &crc::CRC_32_ISCSI),
    ("crc32-iso-hdlc", &crc::CRC_32_ISO_HDLC),
    ("crc32-jamcrc", &crc::CRC_32_JAMCRC),
    ("crc32-mef", &crc::CRC_32_MEF),
    ("crc32-mpeg-2", &crc::CRC_32_MPEG_2),
    ("crc32-xfer", &crc::CRC_32_XFER),
];

const U64: &[(&str, &Algorithm<u64>)] = &[
    ("crc64-ecma-182", &crc::CRC_64_ECMA_182),
    ("crc64-go-iso", &crc::CRC_64_GO_ISO),
    ("crc64-ms", &crc::CRC_64_MS),
    ("crc64-nvme", &crc::CRC_64_NVME),
    ("crc64-redis", &crc::CRC_64_REDIS),
    ("crc64-we", &crc::CRC_64_WE),
    ("crc64-xz", &crc::CRC_64_XZ),
];

/// The checksum called `name`.
pub(in crate::protocol) fn find(name: &str) -> Option<Sum> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name, |(_, name)| name);
    if let Some(plain) = of(PLAIN, name) {
        return Some(Sum::Plain(plain));
    }
    if let Some(algorithm) = of(U8, name) {
        return Some(Sum::Crc8(Box::new(Crc::<u8, Table<16>>::new(algorithm))));
    }
    if let Some(algorithm) = of(U16, name) {
        return Some(Sum::Crc16(Box::new(Crc::<u16, Table<16>>::new(algorithm))));
    }
    if let Some(algorithm) = of(U32, name) {
        return Some(Sum::Crc32(Box::new(Crc::<u32, Table<16>>::new(algorithm))));
    }
    of(U64, name).map(|algorithm| Sum::Crc64(Box::new(Crc::<u64, Table<16>>::new(algorithm))))
}

/// All names, to find the one that was meant.
pub(in crate::protocol) fn names() -> impl Iterator<Item = &'static str> {
    let crc8 = U8.iter().map(|(name, _)| *name);
    let crc16 = U16.iter().map(|(name, _)| *name);
    let crc32 = U32.iter().map(|(name, _)| *name);
    let crc64 = U64.iter().map(|(name, _)| *name);
    let plain = PLAIN.iter().map(|(name, _)| *name);
    let aliases = ALIASES.iter().map(|(name, _)| *name);
    plain.chain(aliases).chain(crc8).chain(crc16).chain(crc32).chain(crc64)
}

fn of<T: Copy>(all: &[(&str, T)], name: &str) -> Option<T> {
    all.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}
