# As much of Nixpkgs' lib as the files beside this folder use, so that they can be
# evaluated without Nixpkgs. Where it is simpler than the original, it is stricter.
# eval.nix takes the original as well.
let
  inherit (builtins)
    all
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isList
    isPath
    isString
    length
    listToAttrs
    map
    mapAttrs
    replaceStrings
    sort
    ;
  unique = foldl' (seen: name: if elem name seen then seen else seen ++ [ name ]) [ ];
  showPath = concatStringsSep ".";
  isA = type: value: isAttrs value && value._type or null == type;

  # Properties of definitions.
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkOrder = order: content: {
    _type = "order";
    inherit order content;
  };
  plain = 100;
  byDefault = 1500;
  inTheMiddle = 1000;

  # Moves properties from a set to its attributes: conditions are not looked at
  # before somebody wants one of these.
  pushDown =
    definition:
    if isA "merge" definition then
      concatMap pushDown definition.contents
    else if isA "if" definition then
      map (mapAttrs (_: mkIf definition.condition)) (pushDown definition.content)
    else if isA "override" definition then
      map (mapAttrs (_: mkOverride definition.priority)) (pushDown definition.content)
    else
      [ definition ];
  namesOf = definitions: unique (concatMap attrNames definitions);
  ofName = name: definitions: map (d: d.${name}) (filter (d: d ? ${name}) definitions);

  # Properties of a value: those that count, with their priorities.
  discharge =
    definition:
    if isA "merge" definition then
      concatMap discharge definition.contents
    else if isA "if" definition then
      if definition.condition then discharge definition.content else [ ]
    else if isA "override" definition then
      map (found: found // { inherit (definition) priority; }) (discharge definition.content)
    else if isA "order" definition then
      map (found: found // { inherit (definition) order; }) (discharge definition.content)
    else
      [
        {
          priority = plain;
          order = inTheMiddle;
          value = definition;
        }
      ];
  strongest =
    found:
    let
      least = foldl' (least: d: if d.priority < least then d.priority else least) 9999 found;
    in
    map (d: d.value) (
      sort (one: other: one.order < other.order) (filter (d: d.priority == least) found)
    );
  # All that `definitions` say of a value of `type`.
  mergeAs =
    type: path: definitions:
    let
      values = strongest (concatMap discharge definitions);
      wrong = filter (value: !type.check value) values;
    in
    if wrong != [ ] then
      throw "${showPath path} is no ${type.name}: ${builtins.toJSON (head wrong)}"
    else
      type.merge path values;

  one =
    path: values:
    if all (value: value == head values) values then
      head values
    else
      throw "${showPath path} has conflicting definitions";
  simple = name: check: {
    inherit name check;
    merge = one;
  };
  # An attribute whose definitions are all excluded by conditions does not exist.
  attrsBy = isThere: type: {
    name = "attrsOf ${type.name}";
    check = isAttrs;
    merge =
      path: values:
      let
        definitions = concatMap pushDown values;
        given = name: ofName name definitions;
        names = filter (name: isThere (given name)) (namesOf definitions);
      in
      listToAttrs (
        map (name: {
          inherit name;
          value = mergeAs type (path ++ [ name ]) (given name);
        }) names
      );
  };
  types = {
    bool = simple "bool" isBool;
    str = simple "str" isString;
    path = simple "path" (value: isPath value || isString value || value ? outPath);
    package = simple "package" (value: value.type or null == "derivation");
    raw = {
      name = "raw";
      check = _: true;
      merge =
        path: values:
        if length values == 1 then head values else throw "${showPath path} is defined more than once";
    };
    lines = simple "lines" isString // {
      merge = _: concatStringsSep "\n";
    };
    enum = choices: simple "enum" (value: elem value choices);
    nullOr = type: {
      name = "nullOr ${type.name}";
      check = value: value == null || type.check value;
      merge = path: values: if elem null values then one path values else type.merge path values;
    };
    listOf = type: {
      name = "listOf ${type.name}";
      check = isList;
      merge = path: values: map (value: mergeAs type (path ++ [ "*" ]) [ value ]) (concatLists values);
    };
    attrsOf = attrsBy (given: concatMap discharge given != [ ]);
    # Whether they are there is not asked before they are wanted.
    lazyAttrsOf = attrsBy (_: true);
    nonEmptyListOf =
      type:
      types.listOf type
      // {
        name = "nonEmptyListOf ${type.name}";
        check = value: isList value && value != [ ];
      };
    submodule = module: {
      name = "submodule";
      check = isAttrs;
      merge =
        path: values:
        let
          called =
            if isFunction module then
              module {
                inherit config;
                name = elemAt path (length path - 1);
              }
            else
              module;
          definitions = values ++ [ (called.config or { }) ];
          config = configOf path called.options definitions;
        in
        checked path called.options definitions config;
    };
  };

  configOf =
    path: options: definitions:
    let
      pushed = concatMap pushDown definitions;
    in
    mapAttrs (
      name: option:
      let
        here = path ++ [ name ];
        given = ofName name pushed;
        default =
          if option ? default then [ (mkOverride byDefault option.default) ] else [ ];
        all = given ++ default;
      in
      if !isA "option" option then
        configOf here option given
      else if concatMap discharge all == [ ] then
        throw "${showPath here} is used but not defined"
      else
        mergeAs option.type here all
    ) options;
  # Definitions without a declaration.
  undeclared =
    path: options: definitions:
    let
      pushed = concatMap pushDown definitions;
    in
    concatMap (
      name:
      if !options ? ${name} then
        [ (showPath (path ++ [ name ])) ]
      else if isA "option" options.${name} then
        [ ]
      else
        undeclared (path ++ [ name ]) options.${name} (ofName name pushed)
    ) (namesOf pushed);
  checked =
    path: options: definitions: config:
    let
      unknown = undeclared path options definitions;
    in
    if unknown == [ ] then config else throw "no such option: ${head unknown}";

  mergeOptions =
    path: all:
    listToAttrs (
      map (
        name:
        let
          given = ofName name all;
          here = path ++ [ name ];
        in
        {
          inherit name;
          value =
            if !isA "option" (head given) then
              mergeOptions here given
            else if length given == 1 then
              head given
            else
              throw "${showPath here} is declared twice";
        }
      ) (namesOf all)
    );

  evalModules =
    {
      modules,
      specialArgs ? { },
    }:
    let
      load =
        module:
        let
          found = if isPath module then import module else module;
          called = if isFunction found then found arguments else found;
          full =
            if called ? config || called ? options then
              called
            else
              {
                config = removeAttrs called [ "imports" ];
                imports = called.imports or [ ];
              };
        in
        [ full ] ++ concatMap load (filter isPath (full.imports or [ ]));
      # A file counts once, whoever imports it.
      imports = concatMap (module: map (m: m.imports or [ ]) (load module)) modules;
      files = unique (filter isPath (modules ++ concatLists imports));
      own = module: head (load module);
      loaded = map own (filter (module: !isPath module) modules ++ files);
      options = mergeOptions [ ] (map (module: module.options or { }) loaded);
      definitions = map (module: module.config or { }) loaded;
      config = configOf [ ] options definitions;
      arguments = specialArgs // {
        inherit config lib options;
      };
    in
    {
      config = checked [ ] options definitions config;
      inherit options;
    };

  makeOverridable =
    make: arguments:
    make arguments
    // {
      override = more: makeOverridable make (arguments // more);
    };

  lib = {
    inherit
      concatStringsSep
      evalModules
      makeOverridable
      mapAttrs
      mkIf
      mkMerge
      mkOverride
      types
      ;
    mkOption = option: option // { _type = "option"; };
    mkForce = mkOverride 50;
    mkAfter = mkOrder 1500;
    mkDefault = mkOverride 1000;
    mkVMOverride = mkOverride 10;
    mkImageMediaOverride = mkOverride 60;
    optional = condition: value: if condition then [ value ] else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    concatMapStrings = f: list: concatStringsSep "" (map f list);
    optionals = condition: list: if condition then list else [ ];
    optionalString = condition: text: if condition then text else "";
    throwIf = condition: text: value: if condition then throw text else value;
    mapAttrsToList = f: set: attrValues (mapAttrs f set);
    mapAttrs' = f: set: listToAttrs (attrValues (mapAttrs f set));
    genAttrs =
      names: f:
      listToAttrs (
        map (name: {
          inherit name;
          value = f name;
        }) names
      );
    intersectLists = one: filter (value: elem value one);
    toList = value: if isList value then value else [ value ];
    assertMsg = condition: text: condition || throw text;
    escapeShellArg = text: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
    getBin = package: package.bin or package.out or package;
    getMan = package: package.man or package.out or package;
    licenses = {
      mit.spdxId = "MIT";
      asl20.spdxId = "Apache-2.0";
      gpl2Plus.spdxId = "GPL-2.0-or-later";
    };
    platforms = {
      linux = [ "x86_64-linux" ];
      darwin = [ "aarch64-darwin" ];
    };
    systems.flakeExposed = [ "x86_64-linux" ];
  };
in
lib
