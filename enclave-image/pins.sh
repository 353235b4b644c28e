# What is fetched for the enclave image and for booting it here, by version and SHA-256. Read by the scripts beside it.

# The kernel: Debian's package of its patched source. Measured, as PCR0 and PCR1.
KERNEL_VERSION=6.12
KERNEL_PACKAGE=linux-source-6.12
KERNEL_PACKAGE_VERSION='6.12.117-1~deb12u1'
KERNEL_SUITE=bookworm-security
KERNEL_FILE='linux-source-6.12_6.12.117-1~deb12u1_all.deb'
KERNEL_SHA256=e849faf31ca3555757f3a8877cb01af92122f744f75d1f3102734651c4e14703

# QEMU, for `make enclave-test`: no Debian binary has the machine `nitro-enclave`. Not part of the image.
QEMU_VERSION=10.0.13
QEMU_SOURCE='qemu=1:10.0.13+ds-0+deb13u1'
QEMU_SUITE=trixie
QEMU_FILE='qemu_10.0.13+ds.orig.tar.xz'
QEMU_SHA256=6a0888e806c2ffc0c5f0733e974f9aea55491950d3c47c98669c8b236dde59ae

# The host's side of vsock under QEMU. Not part of the image.
VHOST_DEVICE_VSOCK=0.3.0

# The command line of the kernel: measured.
ENCLAVE_CMDLINE='reboot=t panic=5 console=ttyS0 random.trust_cpu=on'
