function __mkfs_erofs_words
    echo 'ztailpacking'\t'store the end of a compressed file after its inode (Linux 5.17)'
    echo 'fragments'\t'compress the ends of files together, in pclusters of SIZE (Linux 6.1)'
    echo 'all-fragments'\t'so with whole files: the smallest images, slower reads (Linux 6.1)'
    echo 'fragdedupe'\t'whether fragments with the same bytes are stored once [default: full]'
    echo 'dedupe'\t'store bytes that repeat in compressed files once (Linux 6.1)'
    echo '^dedupe'\t'let files with the same contents not share their blocks either'
    echo 'dot-omitted'\t'leave the entry . out of directories (Linux 6.15)'
    echo '48bit'\t'allow more than 16 TiB, and times in compact inodes (Linux 6.15)'
    echo '^inline_data'\t'store no end of a file after its inode; also noinline_data'
    echo 'force-inode-compact'\t'inodes of 32 bytes, all of one time and owners below 65536'
    echo 'force-inode-extended'\t'inodes of 64 bytes, also where 32 are enough'
    echo 'force-chunk-indexes'\t'chunk maps with 8 bytes a chunk'
    echo 'force-inode-blockmap'\t'chunk maps with 4 bytes a chunk [default where they are enough]'
    echo 'legacy-compress'\t'lcluster indexes of 8 bytes, in place of compact ones'
    echo 'nosbcrc'\t'no checksum in the superblock'
    echo '^xattr-name-filter'\t'no filter with which Linux 6.6 skips inodes that lack an attribute'
    echo 'plain-xattr-prefixes'\t'accepted: prefixes of --xattr-prefix are always plain'
end
complete -c mkfs-erofs -l store-paths -l nix-closure -d 'Pack the store paths listed in LIST, one a line (- for standard input)' -r -F
complete -c mkfs-erofs -l add-file -d 'Put the contents of FILE at PATH in the image; may be repeated' -r
complete -c mkfs-erofs -l sort -d 'The order of a tar archive\'s data; accepted, cannot change the image' -r -f -a "path\t''
none\t''"
complete -c mkfs-erofs -l ungzip -l gzip -d 'The tar archive is compressed by gzip, or not at all' -r
complete -c mkfs-erofs -l unxz -l unlzma -d 'The tar archive is compressed by xz, lzma or lzip' -r
complete -c mkfs-erofs -l exclude-path -d 'Leave out PATH, which is relative to the source; may be repeated' -r
complete -c mkfs-erofs -l exclude-regex -d 'Leave out paths in which the extended regular expression REGEX is found' -r
complete -c mkfs-erofs -l file-contexts -d 'Give everything the SELinux label that FILE has for its path' -r -F
complete -c mkfs-erofs -s x -d 'Share extended attributes of more than N inodes; below 0, store none [default: 2; -1 with --store-paths]' -r
complete -c mkfs-erofs -l manifest -d 'Pack what MANIFEST lists (- for standard input)' -r -F
complete -c mkfs-erofs -l manifest-format -d 'The format of MANIFEST, whatever its first line is' -r
complete -c mkfs-erofs -l binary-cache -d 'With --store-paths, take the store paths from the binary cache in the folder DIR' -r -F
complete -c mkfs-erofs -l trusted-public-key -d 'With --binary-cache, take only what KEY has signed; may be repeated' -r
complete -c mkfs-erofs -l registration -d 'With --store-paths, put their registration at /nix-path-registration' -r -F
complete -c mkfs-erofs -l max-extent-bytes -d 'Let a pcluster hold N bytes of a file at most [default: 12 MiB]' -r
complete -c mkfs-erofs -l compress-hints -d 'Compress the files that match a line of FILE as this line says' -r -F
complete -c mkfs-erofs -l target-kernel -d 'Refuse what Linux VERSION cannot mount, such as 6.1' -r
complete -c mkfs-erofs -s E -d 'Extended options, joined by commas; ^ before one turns it off' -r -f -a '(__fish_complete_list , __mkfs_erofs_words)'
complete -c mkfs-erofs -l chunksize -d 'Store files in chunks of SIZE bytes, equal chunks once' -r
complete -c mkfs-erofs -l dsunit -d 'Align the data of files to N blocks [default: 1]' -r
complete -c mkfs-erofs -l fsalignblks -d 'Pad the image to a multiple of N blocks [default: 1]' -r
complete -c mkfs-erofs -l offset -d 'Leave N bytes of FILE before the image as they are [default: 0]' -r
complete -c mkfs-erofs -l root-xattr-isize -d 'Reserve at least N bytes for the root\'s extended attributes [default: 0]' -r
complete -c mkfs-erofs -l xattr-prefix -d 'Store this prefix of extended attribute names once; may be repeated' -r
complete -c mkfs-erofs -l mount-point -d 'The directory where the image will be mounted, for the paths of --file-contexts [default: /]' -r
complete -c mkfs-erofs -l clean -d 'Copy contents of images that are a SOURCE, so that FILE does not need them' -r -f -a "data\t''"
complete -c mkfs-erofs -l root-mode -d 'Give the root these permissions, in octal [default: those of the source; 0755 with --store-paths]' -r
complete -c mkfs-erofs -l force-uid -d 'Make user UID own everything' -r
complete -c mkfs-erofs -l force-gid -d 'Make group GID own everything' -r
complete -c mkfs-erofs -l uid-offset -d 'Add N, which may be negative, to all user numbers, also to a forced one' -r
complete -c mkfs-erofs -l gid-offset -d 'Add N, which may be negative, to all group numbers, also to a forced one' -r
complete -c mkfs-erofs -s T -d 'The time of the build and, without --mkfs-time, of all files [default: files keep theirs; 0 with --store-paths]' -r
complete -c mkfs-erofs -s L -d 'The label, at most 15 bytes [default: none; nix-store with --store-paths]' -r
complete -c mkfs-erofs -l order -d 'Let the paths listed in LIST, one a line, come first, in this order' -r -F
complete -c mkfs-erofs -l base -d 'Take from IMAGE, an earlier one, what would be compressed in the same way' -r -F
complete -c mkfs-erofs -l verity -d 'Add a dm-verity hash tree after the image, or write it to FILE' -r -F
complete -c mkfs-erofs -l verity-data-block-size -d 'The bytes of the image that have one digest [default: 4096, or less as -b]' -r
complete -c mkfs-erofs -l verity-hash-block-size -d 'The bytes of a block of the tree [default: 4096]' -r
complete -c mkfs-erofs -l roothash-file -d 'Write the root hash to FILE, in hexadecimal digits without a line end' -r -F
complete -c mkfs-erofs -l fsverity-digests -d 'Write the fs-verity digests of all regular files to FILE' -r -F
complete -c mkfs-erofs -s d -d 'How much to say: 0 or 1 errors only, 2 a summary, 3 all about the image, 4 and above the time of each phase, too' -r
complete -c mkfs-erofs -l async-queue-limit -d 'The size of a queue of mkfs.erofs; accepted, cannot change anything' -r
complete -c mkfs-erofs -l workers -d 'How many threads work; 0 is 1 [default: as many as there are processors, and 8 at least where they wait for the disk]' -r
complete -c mkfs-erofs -l extract -d 'Extract the image FILE into DIR, which is made if it is missing' -r -F
complete -c mkfs-erofs -s b -d 'The size of a block in bytes, 512 to 65536 [default: 4096]' -r -f -a "4096\t''
512\t''
1024\t''
2048\t''
8192\t''
16384\t''
32768\t''
65536\t''"
complete -c mkfs-erofs -s z -d 'Compress files with ALGORITHM: lz4, lz4hc, zstd, deflate, libdeflate or lzma [default: none]' -r -f -a "lz4\t''
lz4hc\t''
zstd\t''
deflate\t''
libdeflate\t''
lzma\t''
none\t''"
complete -c mkfs-erofs -s C -d 'Compress into pclusters of up to SIZE bytes [default: a block]' -r -f -a "4096\t''
16384\t''
32768\t''
65536\t''
131072\t''
262144\t''
524288\t''
1048576\t''"
complete -c mkfs-erofs -s m -d 'Compress inodes into pclusters of up to SIZE bytes (Linux 6.17)' -r -f -a "4096\t''
16384\t''
65536\t''"
complete -c mkfs-erofs -l tar -d 'Pack a tar archive: the file SOURCE, or without one (or with -) standard input' -r -f -a "f\t''
i\t''"
complete -c mkfs-erofs -l list -d 'List what the image FILE has, and how it is stored' -r -f -a "files\t''
table\t''"
complete -c mkfs-erofs -s U -d 'The UUID, or "clear" for none, or "random" [default: derived from the contents]' -r -f -a "clear\t''
random\t''"
complete -c mkfs-erofs -l verity-hash -d 'The hash of the tree: sha256 or sha512 [default: sha256]' -r -f -a "sha256\t''
sha512\t''"
complete -c mkfs-erofs -l verity-salt -d 'The salt in hexadecimal digits, - for none, or uuid [default: uuid]' -r -f -a "uuid\t''
-\t''"
complete -c mkfs-erofs -l ovlfs-strip -d 'Leave out whiteouts and marks of opaque directories of overlayfs' -r -f -a "0\t''
1\t''"
complete -c mkfs-erofs -l zD -d 'Compress directories if that saves something (Linux 6.1)' -r -f -a "0\t''
1\t''"
complete -c mkfs-erofs -l MZ -d 'Put inodes (i) and the blocks of directories (d) into one zone; accepted' -r -f -a "0\t''
i\t''
id\t''"
complete -c mkfs-erofs -l aufs -d 'Take .wh. files for whiteouts of overlayfs'
complete -c mkfs-erofs -l hard-dereference -d 'Give every name of a hard-linked file an inode of its own'
complete -c mkfs-erofs -l keep-hard-links -d 'With --store-paths, let names of one file have one inode, as on the host'
complete -c mkfs-erofs -l strip-case-hack -d 'Strip the suffixes ~nix~case~hack~N that Nix adds to names on macOS'
complete -c mkfs-erofs -l strict-xattrs -d 'Refuse extended attributes whose names an image cannot hold'
complete -c mkfs-erofs -l nar -d 'Pack a NAR, or an export: the file SOURCE, or without one (or with -) standard input'
complete -c mkfs-erofs -l small -d 'Make the smallest image that Linux 6.17, or that of --target-kernel, can mount'
complete -c mkfs-erofs -l all-root -d 'Make user and group 0 own everything'
complete -c mkfs-erofs -l keep-owners -d 'With --store-paths, keep the owners of the host'
complete -c mkfs-erofs -l all-time -d 'Give all files the time of the build; implied by -T'
complete -c mkfs-erofs -l mkfs-time -d 'Let files keep their times in spite of -T'
complete -c mkfs-erofs -l ignore-mtime -d 'Give all files the time of the build, the current time if none is given'
complete -c mkfs-erofs -l preserve-mtime -d 'Undo --ignore-mtime; with --store-paths, keep the times of the host'
complete -c mkfs-erofs -l rebuildable -d 'Add a table after the image with which it can be a --base'
complete -c mkfs-erofs -l trust-store-names -d 'Do not read files of store paths that the base has under the same name'
complete -c mkfs-erofs -l verity-no-superblock -d 'Write no superblock before the tree'
complete -c mkfs-erofs -l quiet -d 'Write nothing to standard output, except the report of --json'
complete -c mkfs-erofs -l json -d 'Report on standard output as one JSON object'
complete -c mkfs-erofs -l no-progress -d 'Show no progress, also on a terminal'
complete -c mkfs-erofs -l force -d 'Replace FILE also if it is an archive or compressed, such as the SOURCE of other programs'
complete -c mkfs-erofs -l sync -d 'Return only when the image is on the disk, and report write errors'
complete -c mkfs-erofs -l verify -d 'Read the image back and compare it with the source before it gets its name'
complete -c mkfs-erofs -l overwrite -d 'Let --extract replace files that are there already'
complete -c mkfs-erofs -l no-same-owner -l no-preserve-owner -d 'Do not let --extract give files the owners of the image'
complete -c mkfs-erofs -l no-xattrs -d 'Do not let --extract give files extended attributes and ACLs'
complete -c mkfs-erofs -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mkfs-erofs -s V -l version -d 'Print version'
complete -c mkfs.erofs -w mkfs-erofs
